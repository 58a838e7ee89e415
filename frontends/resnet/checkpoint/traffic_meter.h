#pragma once

#include "frontends/resnet/checkpoint/stop_vote.h"
#include "frontends/resnet/epoch_record.h"
#include "frontends/session/session.h"

namespace ronde {

/// What training sends, without what keeps the run safe: votes and checkpoints. Votes must have
/// been read when it is asked. (Only their few bytes on the wire cannot be told apart.)
/// Thread rule: one thread.
class TrafficMeter {
 public:
  /// Counts from here on; references must outlive this.
  TrafficMeter(const Session& session, const StopVote& vote) : session_(session), vote_(vote) {
    Skip();
  }

  /// Adds to the record what was sent since the last call.
  void AddTo(EpochRecord& record);
  /// Forgets what was sent since the last call.
  void Skip();

 private:
  const Session& session_;
  const StopVote& vote_;
  SessionCounters counted_;
  std::uint64_t votes_counted_ = 0;
  double vote_seconds_counted_ = 0;
};

}  // namespace ronde
