#include "frontends/resnet/checkpoint/traffic_meter.h"

#include <algorithm>

namespace ronde {

void TrafficMeter::AddTo(EpochRecord& record) {
  const SessionCounters before = counted_;
  const std::uint64_t votes_before = votes_counted_;
  const double vote_seconds_before = vote_seconds_counted_;
  Skip();
  record.bytes_communicated += counted_.payload_bytes - before.payload_bytes -
                               (votes_counted_ - votes_before) * StopVote::kBytesPerVote;
  record.bytes_on_wire += counted_.bytes_on_wire - before.bytes_on_wire;
  const double outstanding = counted_.seconds_outstanding - before.seconds_outstanding -
                             (vote_seconds_counted_ - vote_seconds_before);
  record.seconds_communication_total += std::max(0.0, outstanding);
}

void TrafficMeter::Skip() {
  counted_ = session_.counters();
  votes_counted_ = vote_.votes();
  vote_seconds_counted_ = vote_.seconds_outstanding();
}

}  // namespace ronde
