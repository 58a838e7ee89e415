#include <algorithm>
#include <cstring>
#include <span>

#include "collectives/allreduce/common.h"
#include "collectives/cost_model.h"
#include "collectives/shared/shared_channel.h"

namespace ronde {
namespace {

// Two ranks read each other's half anyway, so they never gain from the second shot.
constexpr int kOneShotRanks = 2;
constexpr std::size_t kOneShotBytes = 16 << 10;
constexpr std::size_t kShardUnit = 64;  // a cache line, and a whole number of elements of any type

/// Allreduce of the ranks of one host through the slots of the shared-memory channel.
/// One shot (two ranks, or small): every rank copies its input in and reduces all slots itself.
/// Two-shot (otherwise): chunk by chunk, rank r gets shard r of all inputs, reduces it and shows
/// the result; the next chunk's copy-in fills the same round.
///
/// Cost:   one shot: ceil(n/c) alpha + (p+1) n beta + (p-1) n gamma
///         two-shot: (ceil(n/c)+1) alpha + 4n(p-1)/p beta + n(p-1)/p gamma
///         (n bytes, p ranks, chunks of c bytes: --chunk-bytes)
/// Buffer: `input` (may be `output`) to `output`, `count` elements; no private scratch.
/// Order:  a binary tree over the ranks (kTree) for every element, 16-bit types in float32: offsets
///         do not matter, and all ranks get the same bits.
/// Errors: kTimeout naming the ranks that are missing, kAborted; `output` is then undefined.
/// Source: one-shot and two-shot as in MSCCL++ and NCCL's shared-memory algorithms.
class SharedMemory final : public AllreduceAlgorithm {
 public:
  std::string_view name() const override { return "shared_memory"; }

  bool Supports(CollectiveContext& context, const AllreduceArguments&) const override {
    if (context.size() == 1) return true;
    return SharesMemory(context) &&
           context.shared_channel()->slot_bytes() / static_cast<std::size_t>(context.size()) >=
               kShardUnit;
  }
  double Cost(CollectiveContext& context, const AllreduceArguments& arguments) const override;
  Status Run(CollectiveContext& context, const AllreduceArguments& arguments) const override;

 private:
  ReductionOrder DeclaredOrder() const override { return ReductionOrder::kTree; }
};

bool UsesOneShot(int ranks, std::size_t size_bytes) {
  return ranks <= kOneShotRanks || size_bytes <= kOneShotBytes;
}

double SharedMemory::Cost(CollectiveContext& context, const AllreduceArguments& arguments) const {
  const LinkCost& link = kSharedMemoryCost;
  const double ranks = context.size();
  const auto bytes = static_cast<double>(SizeBytes(arguments));
  if (UsesOneShot(context.size(), SizeBytes(arguments))) {
    return link.alpha_us + bytes * ((ranks + 1) * link.beta_us + (ranks - 1) * link.gamma_us);
  }
  const double shards = bytes * (ranks - 1) / ranks;
  return 2 * link.alpha_us + shards * (4 * link.beta_us + link.gamma_us);
}

// What one call works on, in either form.
struct Call {
  CollectiveContext& context;
  SharedChannel& channel;
  const AllreduceArguments& arguments;
  Scaling scaling;
  Deadline deadline;
  std::span<const void*> operands;  // one per rank, in scratch

  const std::byte* input() const { return static_cast<const std::byte*>(arguments.input); }
  std::byte* output() const { return static_cast<std::byte*>(arguments.output); }

  // Reduces `operands` into `target`.
  void ReduceTo(void* target, std::size_t size_bytes) const {
    Reduce(arguments.op, arguments.dtype, operands, target,
           static_cast<std::int64_t>(size_bytes / SizeOf(arguments.dtype)), scaling);
  }
};

Status RunOneShot(Call& call) {
  SharedChannel& channel = call.channel;
  const std::size_t total = SizeBytes(call.arguments);
  for (std::size_t begin = 0; begin < total; begin += channel.slot_bytes()) {
    const std::size_t size = std::min(channel.slot_bytes(), total - begin);
    std::memcpy(channel.next_slot(), call.input() + begin, size);
    RONDE_RETURN_IF_ERROR(channel.Step(call.deadline));
    for (int rank = 0; rank < channel.size(); ++rank) {
      call.operands[rank] = channel.slot(rank);
    }
    // What is private here needs not come back from shared memory.
    call.operands[channel.rank()] = call.input() + begin;
    call.ReduceTo(call.output() + begin, size);
  }
  return Status::Ok();
}

// Cuts a buffer into chunks and these into one shard per rank. In a slot, place s holds what is
// meant for rank s; its owner's own place, which would be idle, holds the owner's result.
class Shards {
 public:
  Shards(const SharedChannel& channel, std::size_t total)
      : ranks_(static_cast<std::size_t>(channel.size())),
        place_bytes_(channel.slot_bytes() / ranks_ / kShardUnit * kShardUnit),
        total_(total) {}

  std::size_t chunks() const { return (total_ + chunk_bytes() - 1) / chunk_bytes(); }
  std::size_t place(int rank) const { return static_cast<std::size_t>(rank) * place_bytes_; }
  std::size_t begin(std::size_t chunk, int rank) const {
    const std::size_t in_chunk = static_cast<std::size_t>(rank) * shard_bytes(chunk);
    return chunk * chunk_bytes() + std::min(in_chunk, size_of(chunk));
  }
  std::size_t size(std::size_t chunk, int rank) const {
    return begin(chunk, rank + 1) - begin(chunk, rank);
  }

 private:
  std::size_t chunk_bytes() const { return ranks_ * place_bytes_; }
  std::size_t size_of(std::size_t chunk) const {
    return std::min(chunk_bytes(), total_ - chunk * chunk_bytes());
  }
  // The same for all ranks but the last ones, and at most place_bytes_.
  std::size_t shard_bytes(std::size_t chunk) const {
    const std::size_t unit = ranks_ * kShardUnit;
    return (size_of(chunk) + unit - 1) / unit * kShardUnit;
  }

  std::size_t ranks_;
  std::size_t place_bytes_;
  std::size_t total_;
};

void CopyIn(Call& call, const Shards& shards, std::size_t chunk) {
  for (int peer = 0; peer < call.channel.size(); ++peer) {
    if (peer == call.channel.rank()) continue;
    std::memcpy(call.channel.next_slot() + shards.place(peer),
                call.input() + shards.begin(chunk, peer), shards.size(chunk, peer));
  }
}

// Reduces this rank's shard of a chunk that is in the slots; shows the result in the next round.
void ReduceOwnShard(Call& call, const Shards& shards, std::size_t chunk) {
  const SharedChannel& channel = call.channel;
  const int rank = channel.rank();
  const std::size_t begin = shards.begin(chunk, rank);
  for (int peer = 0; peer < channel.size(); ++peer) {
    call.operands[peer] = channel.slot(peer) + shards.place(rank);
  }
  call.operands[rank] = call.input() + begin;
  call.ReduceTo(channel.next_slot() + shards.place(rank), shards.size(chunk, rank));
  std::memcpy(call.output() + begin, channel.next_slot() + shards.place(rank),
              shards.size(chunk, rank));
}

void CopyOut(Call& call, const Shards& shards, std::size_t chunk) {
  for (int peer = 0; peer < call.channel.size(); ++peer) {
    if (peer == call.channel.rank()) continue;
    std::memcpy(call.output() + shards.begin(chunk, peer),
                call.channel.slot(peer) + shards.place(peer), shards.size(chunk, peer));
  }
}

Status RunTwoShot(Call& call) {
  const Shards shards(call.channel, SizeBytes(call.arguments));
  const std::size_t chunks = shards.chunks();
  // Round t shows the inputs of chunk t and the results of chunk t-1.
  for (std::size_t round = 0; round <= chunks; ++round) {
    if (round < chunks) CopyIn(call, shards, round);
    RONDE_RETURN_IF_ERROR(call.channel.Step(call.deadline));
    if (round > 0) CopyOut(call, shards, round - 1);
    if (round < chunks) ReduceOwnShard(call, shards, round);
  }
  return Status::Ok();
}

Status SharedMemory::Run(CollectiveContext& context, const AllreduceArguments& arguments) const {
  RONDE_RETURN_IF_ERROR(CheckArguments(arguments));
  const int ranks = context.size();
  if (ranks == 1) ReduceAlone(arguments);
  if (ranks == 1 || arguments.count == 0) return Status::Ok();

  Call call = {context,
               *context.shared_channel(),
               arguments,
               ScalingFor(arguments, ranks),
               context.NewDeadline(),
               OperandScratch(context)};
  context.AddSharedBytes(SizeBytes(arguments));
  return UsesOneShot(ranks, SizeBytes(arguments)) ? RunOneShot(call) : RunTwoShot(call);
}

}  // namespace

const AllreduceAlgorithm& SharedMemoryAllreduce() {
  static const SharedMemory algorithm;
  return algorithm;
}

}  // namespace ronde
