#include <algorithm>
#include <cstring>
#include <span>

#include "collectives/allreduce/common.h"
#include "collectives/allreduce/pieces.h"
#include "collectives/cost_model.h"
#include "collectives/shared/shared_channel.h"
#include "collectives/shared/stream_copy.h"
#include "collectives/shared/tiny_round.h"

namespace ronde {
namespace {

constexpr std::size_t kShardUnit = 64;  // a cache line, and a whole number of elements of any type

/// Allreduce of the ranks of one host through the slots of the shared-memory channel.
/// Tiny: inputs ride in the flag lines, and every rank reduces all of them.
/// One shot (small): every rank copies its input in and reduces all slots itself.
/// Two-shot (otherwise): chunk by chunk, rank r reads shard r in all slots and puts the result back
/// there; the next chunk's copy-in fills the same round.
///
/// Cost:   one shot: alpha + (p+1) n beta + (p-1) n gamma
///         two-shot: 2 alpha + 4n(p-1)/p beta + n(p-1)/p gamma
///         (n bytes, p ranks; the step of each further chunk, --chunk-bytes, is not counted: at the
///         default size a chunk's bytes take many times as long)
/// Buffer: `input` (may be `output`) to `output`, `count` elements, or pieces; no private scratch.
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
  bool TakesPieces() const override { return true; }
  std::string_view Needs() const override {
    return "all ranks on one host that share memory, chunks of 64 bytes a rank";
  }
  double Cost(CollectiveContext& context, const AllreduceArguments& arguments) const override;
  Status Run(CollectiveContext& context, const AllreduceArguments& arguments) const override;

 private:
  ReductionOrder DeclaredOrder() const override { return ReductionOrder::kTree; }
};

bool UsesOneShot(const CollectiveContext& context, std::size_t size_bytes) {
  return size_bytes <= static_cast<std::size_t>(context.costs().one_shot_bytes);
}

double SharedMemory::Cost(CollectiveContext& context, const AllreduceArguments& arguments) const {
  const LinkCost& link = context.costs().shared_memory;
  const double ranks = context.size();
  const auto bytes = static_cast<double>(SizeBytes(arguments));
  if (UsesOneShot(context, SizeBytes(arguments))) {
    return link.alpha_us + bytes * ((ranks + 1) * link.beta_us + (ranks - 1) * link.gamma_us);
  }
  const double shards = bytes * (ranks - 1) / ranks;
  return 2 * link.alpha_us + shards * (4 * link.beta_us + link.gamma_us);
}

// Outputs that fit into the cache together with all else stay there: they will be read. Each rank's
// own choice.
bool Streams(CollectiveContext& context, const AllreduceArguments& arguments) {
  return arguments.input != arguments.output &&
         ExceedsCache(context, 2 * SizeBytes(arguments) * static_cast<std::size_t>(context.size()));
}

// What one call works on, in every form.
struct Call {
  // Initialised as an aggregate, all of it would be cleared first, which takes as long as a tiny
  // message's copies.
  Call(CollectiveContext& context, const AllreduceArguments& what)
      : channel(*context.shared_channel()),
        arguments(what),
        pieces(what),
        scaling(ScalingFor(what, context.size())),
        deadline(context.NewDeadline()),
        pointers(context) {}

  SharedChannel& channel;
  const AllreduceArguments& arguments;
  Pieces pieces;
  Scaling scaling;
  Deadline deadline;
  PointerScratch pointers;
  bool streams = false;  // what is copied out is written past the cache

  // Reduces what lies in [begin, begin + size_bytes) into the outputs; `shown(rank)` is what the
  // others show of that range. Its own input comes from where it lies: what is private needs not
  // come back from shared memory. With `returns` the others get the result where they showed.
  template <typename Shown>
  void ReduceTo(std::size_t begin, std::size_t size_bytes, bool returns, const Shown& shown) {
    pieces.ForEach(
        begin, size_bytes,
        [&](const std::byte* input, std::byte* output, std::size_t at, std::size_t size) {
          const auto& [operands, results] = pointers;
          for (int rank = 0; rank < channel.size(); ++rank) {
            results[rank] = shown(rank) + at;
            operands[rank] = results[rank];
          }
          operands[channel.rank()] = input;
          results[channel.rank()] = output;
          ReduceToAll(arguments.op, arguments.dtype, operands,
                      returns ? results : results.subspan(channel.rank(), 1),
                      CountOf(size, arguments.dtype), scaling, /*streams=*/false);
        });
  }
};

Status RunTiny(Call& call) {
  SharedChannel& channel = call.channel;
  const std::size_t size = SizeBytes(call.arguments);
  call.pieces.Gather(0, size, channel.next_payload());
  RONDE_RETURN_IF_ERROR(channel.Step(call.deadline));
  call.ReduceTo(0, size, /*returns=*/false, [&channel](int rank) { return channel.payload(rank); });
  return Status::Ok();
}

Status RunOneShot(Call& call) {
  SharedChannel& channel = call.channel;
  const std::size_t total = SizeBytes(call.arguments);
  for (std::size_t begin = 0; begin < total; begin += channel.slot_bytes()) {
    const std::size_t size = std::min(channel.slot_bytes(), total - begin);
    call.pieces.Gather(begin, size, channel.next_slot());
    RONDE_RETURN_IF_ERROR(channel.Step(call.deadline));
    call.ReduceTo(begin, size, /*returns=*/false,
                  [&channel](int rank) { return channel.slot(rank); });
  }
  return Status::Ok();
}

// Cuts a buffer into chunks and these into one shard per rank. In a slot, place s holds what is
// meant for rank s, and then what rank s has made of it; its owner's own place stays idle.
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
    call.pieces.Gather(shards.begin(chunk, peer), shards.size(chunk, peer),
                       call.channel.next_slot() + shards.place(peer));
  }
}

// Reduces this rank's shard of a chunk that is in the slots and puts the result back to where it
// came from: the lines are in this core's cache, and their owner writes them next.
void ReduceOwnShard(Call& call, const Shards& shards, std::size_t chunk) {
  SharedChannel& channel = call.channel;
  const int own = channel.rank();
  call.ReduceTo(shards.begin(chunk, own), shards.size(chunk, own), /*returns=*/true,
                [&](int rank) { return channel.slot(rank) + shards.place(own); });
}

// From this rank's own slot of the round before.
void CopyOut(Call& call, const Shards& shards, std::size_t chunk) {
  for (int peer = 0; peer < call.channel.size(); ++peer) {
    if (peer == call.channel.rank()) continue;
    call.pieces.Scatter(shards.begin(chunk, peer), shards.size(chunk, peer),
                        call.channel.last_slot() + shards.place(peer), call.streams);
  }
}

Status RunTwoShot(Call& call) {
  const Shards shards(call.channel, SizeBytes(call.arguments));
  const std::size_t chunks = shards.chunks();
  // Between arrivals t and t+1 chunk t is reduced; after t+1 its results are in place.
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

  Call call(context, arguments);
  const std::size_t size_bytes = SizeBytes(arguments);
  context.AddSharedBytes(size_bytes);
  if (TinyRound::Takes(size_bytes)) return RunTiny(call);
  if (UsesOneShot(context, size_bytes)) return RunOneShot(call);
  call.streams = Streams(context, arguments);
  const Status status = RunTwoShot(call);
  // Who waits for the result may be another thread.
  if (call.streams) EndStream();
  return status;
}

}  // namespace

const AllreduceAlgorithm& SharedMemoryAllreduce() {
  static const SharedMemory algorithm;
  return algorithm;
}

}  // namespace ronde
