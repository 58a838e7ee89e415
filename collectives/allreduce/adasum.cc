#include <algorithm>
#include <cstring>
#include <vector>

#include "collectives/allgather/allgather.h"
#include "collectives/allreduce/adasum_tree.h"
#include "collectives/allreduce/common.h"
#include "collectives/cost_model.h"
#include "collectives/shared/one_host.h"
#include "collectives/shared/peer_places.h"
#include "collectives/shared/shared_channel.h"
#include "collectives/tags.h"
#include "core/base/strcat.h"

namespace ronde {
namespace {

// Up to this many bytes of all ranks together, everyone computing everything is faster than
// waiting for partial sums at every level.
constexpr std::size_t kGatheredBytes = 64 << 10;

/// Adaptive summation of whole tensors (ReduceOp::kAdasum), as a binary tree over any number of
/// ranks. Rank r gets shard r of all inputs; at each level it computes its part of the dot products
/// of all pairs, everyone gets all partial sums, and it combines its shard of each pair; at the end
/// everyone gets all shards. Small tensors are gathered whole and reduced by every rank.
///
/// Inputs are gathered through the slots of the shared channel, are read where they lie in
/// registered memory, or travel in pairwise exchanges; everything else is an allgather.
///
/// Cost:   sharded: L = ceil(log2 p) levels: (2 (p-1) + L (p-1)) alpha + 2n(p-1)/p beta + 2n gamma
///         over a transport; (ceil(n/c) + L + 1) alpha + 4n(p-1)/p beta + 2n gamma on one host
///         gathered (np <= 64 KiB): (p-1) alpha + n(p-1) beta + 2n(p-1) gamma, one alpha on a host
///         (n bytes, p ranks, chunks of c bytes: --chunk-bytes); 6 KiB of sums per level and pair.
/// Buffer: `input` (may be `output`) to `output`, `count` elements; scratch of up to 1.5 times
///         their size, twice for 16-bit types.
/// Order:  a binary tree over the ranks (kTree). Dot products and norms are summed in float64 over
///         fixed segments of the tensor; intermediate vectors are rounded to the type, those of
///         16-bit types to float32, once a level. So all ranks get the same bits, on one host or
///         many, whatever the chunks.
/// Values: a vector of norm 0 changes nothing. A number that is not finite makes its whole result
///         not finite. A float64 beyond 1e154, whose square overflows, counts as not finite.
/// Errors: kInvalidArgument for integers; kTimeout if a peer misses the deadline, kAborted:
///         `output` is then undefined.
/// Source: Maleki et al., Scaling Distributed Training with Adaptive Summation, MLSys 2021, whose
///         vector-halving needs 2^k ranks; sharding once serves any number, with the same traffic.
class Adasum final : public AllreduceAlgorithm {
 public:
  std::string_view name() const override { return "adasum"; }
  bool Reduces(ReduceOp op) const override { return op == ReduceOp::kAdasum; }
  bool Supports(CollectiveContext&, const AllreduceArguments& arguments) const override {
    return Reduces(arguments.op) && IsFloatingPoint(arguments.dtype);
  }
  std::string_view Needs() const override { return "operator adasum, a floating-point type"; }
  double Cost(CollectiveContext& context, const AllreduceArguments& arguments) const override {
    const LinkCost& link = BoundingLink(context);
    const double others = context.size() - 1;
    const double shards = static_cast<double>(SizeBytes(arguments)) * others / context.size();
    const double messages = others * (2 + CeilLog2(context.size()));
    return messages * link.alpha_us + 2 * shards * (link.beta_us + 2 * link.gamma_us);
  }
  Status Run(CollectiveContext& context, const AllreduceArguments& arguments) const override;

 private:
  ReductionOrder DeclaredOrder() const override { return ReductionOrder::kTree; }
};

Status CheckAdasum(AllreduceArguments arguments) {
  if (arguments.op != ReduceOp::kAdasum) {
    return Status::InvalidArgument(StrCat("allreduce: algorithm adasum reduces by operator adasum ",
                                          "alone, got ", Name(arguments.op)));
  }
  if (!IsFloatingPoint(arguments.dtype)) {
    return Status::InvalidArgument(StrCat("allreduce: adasum needs a floating-point type, got ",
                                          Name(arguments.dtype), "; use average or sum"));
  }
  arguments.op = ReduceOp::kSum;  // the rest is as for all operators
  return CheckArguments(arguments);
}

// What one call works on.
class Call {
 public:
  Call(CollectiveContext& context, const AllreduceArguments& arguments)
      : context_(context),
        arguments_(arguments),
        segments_(arguments.count),
        deadline_(context.NewDeadline()),
        ranks_(context.size()),
        rank_(context.rank()) {}

  Status RunGathered();
  Status RunSharded();

 private:
  std::size_t ShardBegin(int rank) const {
    const std::int64_t element = segments_.begin(segments_.FirstOf(rank, ranks_));
    return static_cast<std::size_t>(element) * SizeOf(arguments_.dtype);
  }
  std::size_t ShardSize(int rank) const { return ShardBegin(rank + 1) - ShardBegin(rank); }
  const std::byte* InputFor(int rank) const {
    return static_cast<const std::byte*>(arguments_.input) + ShardBegin(rank);
  }
  std::byte* received(int rank) const {
    return received_ + static_cast<std::size_t>(rank - (rank > rank_ ? 1 : 0)) * ShardSize(rank_);
  }

  // This rank's part, from `first_segment` to `last_segment`, with scratch for it.
  AdasumPart PartOf(int first_segment, int last_segment, std::size_t received_bytes);
  Status CollectInputs();
  Status ExchangeThroughSlots();
  Status ExchangePairwise();
  Status ReadRegistered();
  Status ShareSums(AdasumSums* sums, int pairs);
  Status ShareResult();

  CollectiveContext& context_;
  const AllreduceArguments& arguments_;
  AdasumSegments segments_;
  Deadline deadline_;
  int ranks_;
  int rank_;
  std::byte* received_ = nullptr;    // inputs of the other ranks, in rank order
  std::vector<const void*> inputs_;  // of this rank's part
  std::vector<std::int64_t> rank_bytes_;
};

AdasumPart Call::PartOf(int first_segment, int last_segment, std::size_t received_bytes) {
  inputs_.assign(static_cast<std::size_t>(ranks_), nullptr);
  AdasumPart part = {.segments = segments_,
                     .first_segment = first_segment,
                     .last_segment = last_segment,
                     .dtype = arguments_.dtype,
                     .prescale = arguments_.prescale,
                     .postscale = arguments_.postscale,
                     .inputs = inputs_,
                     .output = arguments_.output};
  const auto pairs = static_cast<std::size_t>(ranks_ / 2);
  const std::size_t values_bytes = ranks_ == 2 ? 0  // two ranks' only pair goes to the output
                                               : pairs * static_cast<std::size_t>(part.count()) *
                                                     AdasumValueBytes(arguments_.dtype);
  const auto aligned = [](std::size_t size_bytes) { return (size_bytes + 63) / 64 * 64; };
  const std::size_t sums_bytes =
      pairs * static_cast<std::size_t>(segments_.size()) * sizeof(AdasumSums);
  std::byte* const scratch =
      context_.OuterScratch(aligned(received_bytes) + aligned(values_bytes) + sums_bytes);
  received_ = scratch;
  part.values = scratch + aligned(received_bytes);
  part.sums = reinterpret_cast<AdasumSums*>(part.values + aligned(values_bytes));
  return part;
}

Status Call::RunGathered() {
  const std::size_t size_bytes = SizeBytes(arguments_);
  const AdasumPart part =
      PartOf(0, segments_.size(), static_cast<std::size_t>(ranks_) * size_bytes);
  for (int rank = 0; rank < ranks_; ++rank) {
    inputs_[rank] = received_ + static_cast<std::size_t>(rank) * size_bytes;
  }
  rank_bytes_.assign(static_cast<std::size_t>(ranks_), static_cast<std::int64_t>(size_bytes));
  RONDE_RETURN_IF_ERROR(Allgather(
      context_, {.input = arguments_.input, .output = received_, .rank_bytes = rank_bytes_}));
  return ReduceAdasum(part, [](int) { return Status::Ok(); });
}

Status Call::RunSharded() {
  AdasumPart part = PartOf(segments_.FirstOf(rank_, ranks_), segments_.FirstOf(rank_ + 1, ranks_),
                           static_cast<std::size_t>(ranks_ - 1) * ShardSize(rank_));
  part.output = static_cast<std::byte*>(arguments_.output) + ShardBegin(rank_);
  RONDE_RETURN_IF_ERROR(CollectInputs());
  RONDE_RETURN_IF_ERROR(ReduceAdasum(part, [&](int pairs) { return ShareSums(part.sums, pairs); }));
  return ShareResult();
}

Status Call::CollectInputs() {
  if (SharesMemory(context_) && arguments_.input_place.registered()) return ReadRegistered();
  for (int rank = 0; rank < ranks_; ++rank) inputs_[rank] = received(rank);
  inputs_[rank_] = InputFor(rank_);
  const bool has_places =
      SharesMemory(context_) && PeerPlaces(*context_.shared_channel()).place_bytes() > 0;
  return has_places ? ExchangeThroughSlots() : ExchangePairwise();
}

// Reading ends before others write: they wait for this rank's sums, and for its result.
Status Call::ReadRegistered() {
  RONDE_ASSIGN_OR_RETURN(
      const RegisteredBuffer buffer,
      RegisteredBuffer::Find(context_, arguments_.input_place, "allreduce (adasum)"));
  for (int rank = 0; rank < ranks_; ++rank) {
    inputs_[rank] = buffer.of(rank) + ShardBegin(rank_);
  }
  return context_.shared_channel()->Step(deadline_);  // all inputs are complete
}

Status Call::ExchangeThroughSlots() {
  SharedChannel& channel = *context_.shared_channel();
  const PeerPlaces places(channel);
  std::size_t largest = 0;
  for (int rank = 0; rank < ranks_; ++rank) largest = std::max(largest, ShardSize(rank));
  for (std::size_t begin = 0; begin < largest; begin += places.place_bytes()) {
    const auto piece = [&](int rank) {
      const std::size_t size = ShardSize(rank);
      return begin < size ? std::min(places.place_bytes(), size - begin) : 0;
    };
    for (int peer = 0; peer < ranks_; ++peer) {
      if (peer == rank_) continue;
      std::memcpy(channel.next_slot() + places.begin(rank_, peer), InputFor(peer) + begin,
                  piece(peer));
    }
    RONDE_RETURN_IF_ERROR(channel.Step(deadline_));
    for (int peer = 0; peer < ranks_; ++peer) {
      if (peer == rank_) continue;
      std::memcpy(received(peer) + begin, channel.slot(peer) + places.begin(peer, rank_),
                  piece(rank_));
    }
  }
  context_.AddSharedBytes(SizeBytes(arguments_) - ShardSize(rank_));
  return Status::Ok();
}

Status Call::ExchangePairwise() {
  for (int distance = 1; distance < ranks_; ++distance) {
    const int to = (rank_ + distance) % ranks_;
    const int from = (rank_ + ranks_ - distance) % ranks_;
    RONDE_RETURN_IF_ERROR(context_.transport().SendReceive(to, {InputFor(to), ShardSize(to)}, from,
                                                           {received(from), ShardSize(rank_)},
                                                           kAllreduceTag, deadline_));
  }
  return Status::Ok();
}

Status Call::ShareSums(AdasumSums* sums, int pairs) {
  rank_bytes_.clear();
  for (int rank = 0; rank < ranks_; ++rank) {
    const int segments = segments_.FirstOf(rank + 1, ranks_) - segments_.FirstOf(rank, ranks_);
    rank_bytes_.push_back(static_cast<std::int64_t>(sizeof(AdasumSums)) * segments * pairs);
  }
  return Allgather(context_, {.input = sums + segments_.FirstOf(rank_, ranks_) * pairs,
                              .output = sums,
                              .rank_bytes = rank_bytes_});
}

Status Call::ShareResult() {
  rank_bytes_.clear();
  for (int rank = 0; rank < ranks_; ++rank) {
    rank_bytes_.push_back(static_cast<std::int64_t>(ShardSize(rank)));
  }
  return Allgather(context_,
                   {.input = static_cast<std::byte*>(arguments_.output) + ShardBegin(rank_),
                    .output = arguments_.output,
                    .rank_bytes = rank_bytes_,
                    .output_place = arguments_.output_place});
}

Status Adasum::Run(CollectiveContext& context, const AllreduceArguments& arguments) const {
  RONDE_RETURN_IF_ERROR(CheckAdasum(arguments));
  const int ranks = context.size();
  if (ranks == 1) {
    AllreduceArguments alone = arguments;
    alone.op = ReduceOp::kSum;
    ReduceAlone(alone);
  }
  if (ranks == 1 || arguments.count == 0) return Status::Ok();
  Call call(context, arguments);
  const bool gathers = SizeBytes(arguments) * static_cast<std::size_t>(ranks) <= kGatheredBytes;
  return gathers ? call.RunGathered() : call.RunSharded();
}

}  // namespace

const AllreduceAlgorithm& AdasumAllreduce() {
  static const Adasum algorithm;
  return algorithm;
}

}  // namespace ronde
