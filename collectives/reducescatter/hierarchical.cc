#include <algorithm>
#include <cstring>
#include <numeric>
#include <span>
#include <vector>

#include "collectives/reducescatter/forms.h"
#include "collectives/shared/segments.h"
#include "collectives/shared/several_hosts.h"
#include "collectives/shared/shared_channel.h"
#include "collectives/tags.h"
#include "collectives/wire/wire_codec.h"

namespace ronde {
namespace {

// Elements of the input: [begin, end).
struct Range {
  std::int64_t begin = 0;
  std::int64_t end = 0;

  [[nodiscard]] std::int64_t count() const { return std::max<std::int64_t>(0, end - begin); }
};

Range Overlap(const Range& a, const Range& b) {
  return {std::max(a.begin, b.begin), std::min(a.end, b.end)};
}

std::size_t LineUp(std::size_t size_bytes) { return (size_bytes + 63) / 64 * 64; }

// Who adds up and sends what. Hosts have consecutive ranks, so the blocks of one lie together: its
// part. For every other host, the ranks of a host divide that host's part into one piece each.
class Division {
 public:
  Division(CollectiveContext& context, const ReducescatterArguments& arguments)
      : hosts_(context.communicator().ranks_of_hosts()),
        counts_(arguments.rank_counts),
        leads_(context.hierarchy() == Hierarchy::kLeader) {
    begins_.resize(counts_.size() + 1);
    std::partial_sum(counts_.begin(), counts_.end(), begins_.begin() + 1);
  }

  [[nodiscard]] int hosts() const { return static_cast<int>(hosts_.size()); }
  [[nodiscard]] const std::vector<int>& RanksOf(int host) const {
    return hosts_[static_cast<std::size_t>(host)];
  }
  [[nodiscard]] Range BlockOf(int rank) const {
    const auto block = static_cast<std::size_t>(rank);
    return {begins_[block], begins_[block + 1]};
  }
  [[nodiscard]] Range PartOf(int host) const {
    return {BlockOf(RanksOf(host).front()).begin, BlockOf(RanksOf(host).back()).end};
  }

  // What each rank of `from` adds up of the part of `to`: the blocks, where their numbers agree, so
  // that each piece has one receiver; else equal shares; under --hierarchy leader one has all.
  [[nodiscard]] std::vector<std::int64_t> PieceCounts(int from, int to) const {
    const std::size_t pieces = RanksOf(from).size();
    const std::int64_t part = PartOf(to).count();
    if (from == to || (!leads_ && pieces == RanksOf(to).size())) {
      const auto first = static_cast<std::size_t>(RanksOf(to).front());
      const auto blocks = counts_.subspan(first, pieces);
      return {blocks.begin(), blocks.end()};
    }
    std::vector<std::int64_t> counts(pieces, 0);
    counts[0] = part;
    if (leads_) return counts;
    const auto share = [&](std::size_t piece) {
      return part * static_cast<std::int64_t>(piece) / static_cast<std::int64_t>(pieces);
    };
    for (std::size_t piece = 0; piece < pieces; ++piece) {
      counts[piece] = share(piece + 1) - share(piece);
    }
    return counts;
  }
  // The piece of the rank with this number in its host.
  [[nodiscard]] Range PieceOf(int from, int to, int local_rank) const {
    const std::vector<std::int64_t> counts = PieceCounts(from, to);
    Range piece = {PartOf(to).begin, 0};
    for (int lower = 0; lower < local_rank; ++lower) {
      piece.begin += counts[static_cast<std::size_t>(lower)];
    }
    piece.end = piece.begin + counts[static_cast<std::size_t>(local_rank)];
    return piece;
  }

 private:
  const std::vector<std::vector<int>>& hosts_;
  std::span<const std::int64_t> counts_;
  std::vector<std::int64_t> begins_;
  bool leads_;
};

class HostReducescatter {
 public:
  HostReducescatter(CollectiveContext& context, const ReducescatterArguments& arguments)
      : context_(context),
        local_(context.local_context()),
        arguments_(arguments),
        division_(context, arguments),
        host_(context.communicator().host()),
        own_block_(division_.BlockOf(context.rank())),
        element_bytes_(SizeOf(arguments.dtype)),
        wire_(WireFormatFor(context.wire_format(), arguments.dtype, arguments.op)),
        receives_(context.NewDeadline()),
        sends_(context.NewDeadline()) {}

  // Other hosts' parts first: they travel while this host's own is added up.
  Status Run() {
    const int hosts = division_.hosts();
    TakeScratch();
    const MeanwhileScope meanwhile(local_.shared_channel(), [this] {
      const Status received = receives_.Progress();
      return received.ok() ? sends_.Progress() : received;
    });
    for (int distance = 1; distance < hosts; ++distance) {
      RONDE_RETURN_IF_ERROR(StartReceives((host_ - distance + hosts) % hosts));
    }
    for (int distance = 1; distance < hosts; ++distance) {
      const int target = (host_ + distance) % hosts;
      RONDE_RETURN_IF_ERROR(AddUpInside(target, pieces_[static_cast<std::size_t>(target)]));
      RONDE_RETURN_IF_ERROR(StartSends(target));
    }
    RONDE_RETURN_IF_ERROR(AddUpInside(host_, partials_[static_cast<std::size_t>(host_)]));
    RONDE_RETURN_IF_ERROR(receives_.FinishAllBut(0));
    for (const Arrival& arrival : arrivals_) {
      Decode(wire_, arrival.wire, {reinterpret_cast<float*>(arrival.to), arrival.count});
    }
    AddHosts();
    return sends_.FinishAllBut(0);
  }

 private:
  // What has to be decoded before it can be added.
  struct Arrival {
    const std::byte* wire = nullptr;
    std::byte* to = nullptr;
    std::size_t count = 0;
  };

  [[nodiscard]] bool Encodes() const { return wire_ != WireFormat::kSame; }
  [[nodiscard]] std::size_t SizeBytes(const Range& range) const {
    return static_cast<std::size_t>(range.count()) * element_bytes_;
  }
  [[nodiscard]] std::size_t OnWire(const Range& range) const {
    return Encodes() ? WireBytes(wire_, range.count()) : SizeBytes(range);
  }
  [[nodiscard]] Range OwnPiece(int target) const {
    return division_.PieceOf(host_, target, local_.rank());
  }

  // By host: this rank's piece of that host's part, and the partial sum of the own block that the
  // host has made. What is encoded lies behind, message by message, and each takes a line at most
  // for itself.
  void TakeScratch() {
    const auto hosts = static_cast<std::size_t>(division_.hosts());
    std::size_t wire_bytes = 0;
    std::size_t size_bytes = 0;
    std::vector<std::size_t> piece_begins;
    for (int host = 0; host < division_.hosts(); ++host) {
      const Range piece = host == host_ ? Range{} : OwnPiece(host);
      piece_begins.push_back(size_bytes);
      size_bytes += LineUp(SizeBytes(piece));
      const std::size_t messages = division_.RanksOf(host).size();
      wire_bytes += OnWire(piece) + OnWire(own_block_) + 2 * messages * 2 * 64;
    }
    const std::size_t partials_begin = size_bytes;
    const std::size_t block_bytes = LineUp(SizeBytes(own_block_));
    size_bytes += hosts * block_bytes;
    std::byte* const scratch = context_.OuterScratch(size_bytes + (Encodes() ? wire_bytes : 0));
    for (std::size_t host = 0; host < hosts; ++host) {
      pieces_.push_back(scratch + piece_begins[host]);
      partials_.push_back(scratch + partials_begin + host * block_bytes);
    }
    wire_room_ = scratch + size_bytes;
  }
  std::byte* TakeWireRoom(std::size_t size_bytes) {
    std::byte* const room = wire_room_;
    wire_room_ += LineUp(size_bytes);
    return room;
  }

  // This host's sum of this rank's piece of a part; scaled only before.
  Status AddUpInside(int target, std::byte* result) {
    const std::vector<std::int64_t> counts = division_.PieceCounts(host_, target);
    const std::size_t begin = SizeBytes({0, division_.PartOf(target).begin});
    MemoryPlace place = arguments_.input_place;
    if (place.registered()) place.offset += static_cast<std::int64_t>(begin);
    const bool averages = arguments_.op == ReduceOp::kAverage;
    return Reducescatter(local_, {.input = static_cast<const std::byte*>(arguments_.input) + begin,
                                  .output = result,
                                  .rank_counts = counts,
                                  .dtype = arguments_.dtype,
                                  .op = averages ? ReduceOp::kSum : arguments_.op,
                                  .prescale = arguments_.prescale,
                                  .input_place = place});
  }

  // To whoever's blocks overlap this rank's piece.
  Status StartSends(int target) {
    const Range piece = OwnPiece(target);
    for (const int peer : division_.RanksOf(target)) {
      const Range shared = Overlap(piece, division_.BlockOf(peer));
      if (shared.count() == 0) continue;
      const std::byte* data =
          pieces_[static_cast<std::size_t>(target)] + SizeBytes({piece.begin, shared.begin});
      if (Encodes()) {
        std::byte* const wire = TakeWireRoom(OnWire(shared));
        Encode(wire_,
               {reinterpret_cast<const float*>(data), static_cast<std::size_t>(shared.count())},
               wire);
        data = wire;
      }
      RONDE_RETURN_IF_ERROR(sends_.Send(context_.transport(), peer, kReducescatterTag,
                                        {data, OnWire(shared)}, SegmentBytes(context_)));
    }
    return Status::Ok();
  }

  // From all of a host whose pieces overlap this rank's block.
  Status StartReceives(int source) {
    const std::vector<int>& ranks = division_.RanksOf(source);
    for (int local_rank = 0; local_rank < static_cast<int>(ranks.size()); ++local_rank) {
      const Range shared = Overlap(division_.PieceOf(source, host_, local_rank), own_block_);
      if (shared.count() == 0) continue;
      std::byte* to =
          partials_[static_cast<std::size_t>(source)] + SizeBytes({own_block_.begin, shared.begin});
      if (Encodes()) {
        std::byte* const wire = TakeWireRoom(OnWire(shared));
        arrivals_.push_back({wire, to, static_cast<std::size_t>(shared.count())});
        to = wire;
      }
      RONDE_RETURN_IF_ERROR(
          receives_.Receive(context_.transport(), ranks[static_cast<std::size_t>(local_rank)],
                            kReducescatterTag, {to, OnWire(shared)}, SegmentBytes(context_)));
    }
    return Status::Ok();
  }

  // In order of hosts.
  void AddHosts() {
    if (own_block_.count() == 0) return;
    const std::vector<const void*> operands(partials_.begin(), partials_.end());
    const Scaling scaling = ScalingFor(arguments_, context_.size());
    Reduce(arguments_.op, arguments_.dtype, operands, arguments_.output, own_block_.count(),
           {.postscale = scaling.postscale, .divisor = scaling.divisor});
  }

  CollectiveContext& context_;
  CollectiveContext& local_;
  const ReducescatterArguments& arguments_;
  Division division_;
  int host_;
  Range own_block_;
  std::size_t element_bytes_;
  WireFormat wire_;
  std::vector<std::byte*> pieces_;
  std::vector<std::byte*> partials_;
  std::byte* wire_room_ = nullptr;
  std::vector<Arrival> arrivals_;
  TransferQueue receives_;
  TransferQueue sends_;
};

}  // namespace

Status HierarchicalReducescatter(CollectiveContext& context,
                                 const ReducescatterArguments& arguments) {
  return HostReducescatter(context, arguments).Run();
}

}  // namespace ronde
