#include <algorithm>
#include <cstring>
#include <span>
#include <vector>

#include "collectives/allgather/forms.h"
#include "collectives/broadcast/broadcast.h"
#include "collectives/shared/block_layout.h"
#include "collectives/shared/segments.h"
#include "collectives/shared/shared_channel.h"
#include "collectives/tags.h"

namespace ronde {
namespace {

// How many hosts a rank exchanges its block with at a time: more senders than this overflow a
// switch's queue before one receiver.
constexpr int kHostsAtOnce = 16;

// Hosts have consecutive ranks, so the blocks of one lie together in the output: its part.
class HostAllgather {
 public:
  HostAllgather(CollectiveContext& context, const AllgatherArguments& arguments)
      : context_(context),
        local_(context.local_context()),
        arguments_(arguments),
        blocks_(arguments.rank_bytes),
        hosts_(context.communicator().ranks_of_hosts()),
        host_(context.communicator().host()),
        output_(static_cast<std::byte*>(arguments.output)) {}

  Status RunRails() {
    const auto rail = static_cast<std::size_t>(local_.rank());
    const int hosts = static_cast<int>(hosts_.size());
    const std::span<const std::byte> own(static_cast<const std::byte*>(arguments_.input),
                                         blocks_.size(context_.rank()));
    TransferQueue receives(context_.NewDeadline());
    TransferQueue sends(context_.NewDeadline());
    const MeanwhileScope meanwhile(local_.shared_channel(), [&] {
      const Status received = receives.Progress();
      return received.ok() ? sends.Progress() : received;
    });
    const std::size_t segment_bytes = SegmentBytes(context_);
    std::vector<std::size_t> receives_until = {0};  // by distance
    for (int distance = 0; distance < hosts; ++distance) {
      const bool is_own = distance == 0;
      for (int next = static_cast<int>(receives_until.size());
           next < std::min(hosts, distance + 1 + kHostsAtOnce); ++next) {
        const int from = RanksOf(host_ - next)[rail];
        RONDE_RETURN_IF_ERROR(receives.Receive(context_.transport(), from, kAllgatherTag,
                                               blocks_.of(output_, from), segment_bytes));
        RONDE_RETURN_IF_ERROR(sends.Send(context_.transport(), RanksOf(host_ + next)[rail],
                                         kAllgatherTag, own, segment_bytes));
        receives_until.push_back(receives.added());
      }
      RONDE_RETURN_IF_ERROR(
          receives.FinishFirst(receives_until[static_cast<std::size_t>(distance)]));
      const int source = RanksOf(host_ - distance)[rail];
      RONDE_RETURN_IF_ERROR(
          ShareInside(host_ - distance, is_own ? own.data() : blocks_.of(output_, source).data()));
    }
    return sends.FinishAllBut(0);
  }

  Status RunLeader() {
    RONDE_RETURN_IF_ERROR(ShareInside(host_, arguments_.input));
    if (CollectiveContext* const leaders = context_.leaders()) {
      std::vector<std::int64_t> part_bytes;
      for (int host = 0; host < static_cast<int>(hosts_.size()); ++host) {
        part_bytes.push_back(static_cast<std::int64_t>(PartOf(host).size()));
      }
      RONDE_RETURN_IF_ERROR(RingAllgather(
          *leaders, {.input = PartOf(host_).data(), .output = output_, .rank_bytes = part_bytes}));
    }
    const std::span<std::byte> own = PartOf(host_);
    const std::span<std::byte> all(output_, blocks_.total());
    const auto own_begin = static_cast<std::size_t>(own.data() - output_);
    RONDE_RETURN_IF_ERROR(HandOut(all.first(own_begin)));
    return HandOut(all.subspan(own_begin + own.size()));
  }

 private:
  [[nodiscard]] const std::vector<int>& RanksOf(int host) const {
    const int hosts = static_cast<int>(hosts_.size());
    return hosts_[static_cast<std::size_t>((host + hosts) % hosts)];
  }
  [[nodiscard]] std::span<std::byte> PartOf(int host) const {
    const std::vector<int>& ranks = RanksOf(host);
    std::byte* const begin = output_ + blocks_.begin(ranks.front());
    return {begin, blocks_.of(output_, ranks.back()).data() + blocks_.size(ranks.back())};
  }
  [[nodiscard]] MemoryPlace PlaceOf(std::span<std::byte> part) const {
    MemoryPlace place = arguments_.output_place;
    if (place.registered()) place.offset += part.data() - output_;
    return place;
  }

  // Ranks of this host have one block each of a host's part; `block` is this rank's.
  Status ShareInside(int host, const void* block) {
    const std::vector<int>& ranks = RanksOf(host);
    const auto first = static_cast<std::size_t>(ranks.front());
    const std::span<std::byte> part = PartOf(host);
    return Allgather(local_, {.input = block,
                              .output = part.data(),
                              .rank_bytes = arguments_.rank_bytes.subspan(first, ranks.size()),
                              .output_place = PlaceOf(part)});
  }

  // From the host's leader.
  Status HandOut(std::span<std::byte> part) {
    return Broadcast(local_,
                     {.data = part.data(), .size_bytes = part.size(), .place = PlaceOf(part)});
  }

  CollectiveContext& context_;
  CollectiveContext& local_;
  const AllgatherArguments& arguments_;
  BlockLayout blocks_;
  const std::vector<std::vector<int>>& hosts_;
  int host_;
  std::byte* output_;
};

}  // namespace

Status RailsAllgather(CollectiveContext& context, const AllgatherArguments& arguments) {
  return HostAllgather(context, arguments).RunRails();
}

Status LeaderAllgather(CollectiveContext& context, const AllgatherArguments& arguments) {
  return HostAllgather(context, arguments).RunLeader();
}

}  // namespace ronde
