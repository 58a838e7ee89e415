#include <algorithm>
#include <span>
#include <vector>

#include "collectives/allgather/allgather.h"
#include "collectives/broadcast/forms.h"
#include "collectives/cost_model.h"
#include "collectives/shared/one_host.h"
#include "collectives/shared/segments.h"
#include "collectives/shared/several_hosts.h"
#include "collectives/shared/shared_channel.h"
#include "collectives/tags.h"

namespace ronde {
namespace {

// Hosts are counted from the root's on: their places. On each, one rank is the entry for the data:
// the root itself, and elsewhere the rank that has its local rank, or else the lowest.
class HostBroadcast {
 public:
  HostBroadcast(CollectiveContext& context, const BroadcastArguments& arguments)
      : context_(context),
        arguments_(arguments),
        hosts_(context.communicator().ranks_of_hosts()),
        data_(static_cast<std::byte*>(arguments.data), arguments.size_bytes) {
    for (std::size_t host = 0; host < hosts_.size(); ++host) {
      const auto found = std::find(hosts_[host].begin(), hosts_[host].end(), arguments.root);
      if (found == hosts_[host].end()) continue;
      root_host_ = static_cast<int>(host);
      root_local_rank_ = static_cast<std::size_t>(found - hosts_[host].begin());
    }
    place_ = (context.communicator().host() - root_host_ + places()) % places();
  }

  Status RunTree() {
    if (context_.rank() == EntryAt(place_)) {
      const auto entry = [this](int place) { return EntryAt(place); };
      RONDE_RETURN_IF_ERROR(SendDownTree(context_.transport(), place_, places(), entry, data_,
                                         context_.NewDeadline()));
    }
    return HandOut(data_);
  }

  Status RunChain() {
    const bool rails = context_.hierarchy() == Hierarchy::kRails;
    const std::size_t carriers = rails ? RanksAt(place_).size() : 1;
    const bool carries = rails || context_.rank() == EntryAt(place_);
    const Segments segments(data_.size(), SegmentBytes(context_) * carriers);
    TransferQueue receives(context_.NewDeadline());
    TransferQueue sends(context_.NewDeadline());
    SharedChannel* const channel = carries ? context_.local_context().shared_channel() : nullptr;
    const MeanwhileScope meanwhile(channel, [&] {
      const Status received = receives.Progress();
      return received.ok() ? sends.Progress() : received;
    });
    std::size_t started = 0;
    for (std::size_t number = 0; number < segments.count(); ++number) {
      const std::size_t most = std::min(segments.count(), number + kSegmentsInFlight);
      for (; place_ > 0 && carries && started < most; ++started) {
        const std::span<std::byte> incoming = OwnShare(segments.of(data_, started), rails);
        RONDE_RETURN_IF_ERROR(receives.Add(context_.transport().StartReceive(
            Neighbour(place_ - 1, rails), kBroadcastTag, incoming)));
      }
      const std::span<std::byte> segment = segments.of(data_, number);
      if (place_ > 0 && carries) RONDE_RETURN_IF_ERROR(receives.FinishAllBut(most - number - 1));
      // All ranks of the root's host have to have what they are to send.
      if (place_ == 0 && rails) RONDE_RETURN_IF_ERROR(HandOut(segment));
      if (place_ + 1 < places() && carries) {
        RONDE_RETURN_IF_ERROR(sends.Add(context_.transport().StartSend(
            Neighbour(place_ + 1, rails), kBroadcastTag, OwnShare(segment, rails))));
        RONDE_RETURN_IF_ERROR(sends.FinishAllBut(kSegmentsInFlight));
      }
      if (place_ > 0 && rails) RONDE_RETURN_IF_ERROR(PutTogether(segment));
      if (!rails) RONDE_RETURN_IF_ERROR(HandOut(segment));
    }
    return sends.FinishAllBut(0);
  }

 private:
  [[nodiscard]] int places() const { return static_cast<int>(hosts_.size()); }
  [[nodiscard]] const std::vector<int>& RanksAt(int place) const {
    return hosts_[static_cast<std::size_t>((place + root_host_) % places())];
  }
  [[nodiscard]] std::size_t EntryIndexAt(int place) const {
    return root_local_rank_ < RanksAt(place).size() ? root_local_rank_ : 0;
  }
  [[nodiscard]] int EntryAt(int place) const { return RanksAt(place)[EntryIndexAt(place)]; }
  // Whom a carrier talks to on the host at `place`.
  [[nodiscard]] int Neighbour(int place, bool rails) {
    const auto own = static_cast<std::size_t>(context_.local_context().rank());
    return rails ? RanksAt(place)[own] : EntryAt(place);
  }
  [[nodiscard]] std::span<std::byte> OwnShare(std::span<std::byte> segment, bool rails) {
    if (!rails) return segment;
    CollectiveContext& local = context_.local_context();
    const ByteRange share = ShareOf(segment.size(), local.rank(), local.size());
    return segment.subspan(share.begin, share.size());
  }
  [[nodiscard]] MemoryPlace PlaceOf(std::span<std::byte> part) const {
    MemoryPlace place = arguments_.place;
    if (place.registered()) place.offset += part.data() - data_.data();
    return place;
  }

  // Inside the host, from the entry.
  Status HandOut(std::span<std::byte> part) {
    return Broadcast(context_.local_context(), {.data = part.data(),
                                                .size_bytes = part.size(),
                                                .root = static_cast<int>(EntryIndexAt(place_)),
                                                .place = PlaceOf(part)});
  }
  // Inside the host, where each rank has its share.
  Status PutTogether(std::span<std::byte> part) {
    CollectiveContext& local = context_.local_context();
    std::vector<std::int64_t> share_bytes;
    for (int rank = 0; rank < local.size(); ++rank) {
      const std::size_t size = ShareOf(part.size(), rank, local.size()).size();
      share_bytes.push_back(static_cast<std::int64_t>(size));
    }
    return Allgather(local, {.input = OwnShare(part, true).data(),
                             .output = part.data(),
                             .rank_bytes = share_bytes,
                             .output_place = PlaceOf(part)});
  }

  CollectiveContext& context_;
  const BroadcastArguments& arguments_;
  const std::vector<std::vector<int>>& hosts_;
  std::span<std::byte> data_;
  int root_host_ = 0;
  std::size_t root_local_rank_ = 0;
  int place_ = 0;
};

}  // namespace

Status TreeOfHostsBroadcast(CollectiveContext& context, const BroadcastArguments& arguments) {
  return HostBroadcast(context, arguments).RunTree();
}

Status ChainOfHostsBroadcast(CollectiveContext& context, const BroadcastArguments& arguments) {
  return HostBroadcast(context, arguments).RunChain();
}

bool ChainBeatsTree(CollectiveContext& context, std::size_t size_bytes) {
  const std::size_t segment_bytes = SegmentBytes(context);
  if (size_bytes <= segment_bytes) return false;
  const LinkCost& link = context.costs().network;
  const int hosts = context.communicator().host_count();
  const double whole_us = link.alpha_us + static_cast<double>(size_bytes) * link.beta_us;
  const double hop_us = link.alpha_us + static_cast<double>(segment_bytes) * link.beta_us;
  return whole_us + (hosts - 2) * hop_us <= CeilLog2(hosts) * whole_us;
}

}  // namespace ronde
