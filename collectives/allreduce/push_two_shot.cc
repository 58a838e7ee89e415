#include <algorithm>
#include <cstring>
#include <memory>
#include <span>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "collectives/allreduce/common.h"
#include "collectives/cost_model.h"
#include "collectives/shared/shared_channel.h"
#include "core/comm/topology.h"

namespace ronde {
namespace {

constexpr std::size_t kLineBytes = 64;  // a whole number of elements of any type
// Reduced at a time: inputs and result stay in the first two levels of cache until they are pushed.
constexpr std::size_t kBlockBytes = 8 << 10;
constexpr std::int64_t kUnknownCacheBytes = 32 << 20;

std::size_t CacheBytes() {
  static const std::int64_t found_bytes = LastLevelCacheBytes();
  return static_cast<std::size_t>(found_bytes > 0 ? found_bytes : kUnknownCacheBytes);
}

/// Allreduce of the ranks of one host in registered memory: rank r reduces shard r of all inputs
/// and writes the result into every output. Nothing is copied in or out, each input is read once
/// and each output written once.
///
/// Cost:   2 alpha + 2n beta + n(p-1)/p gamma (n bytes, p ranks)
/// Buffer: `input` (may be `output`) to `output`, both in registered memory, at the same places on
///         all ranks.
/// Order:  a binary tree over the ranks (kTree) for every element, 16-bit types in float32.
/// Errors: kTimeout naming the ranks that are missing, kAborted; `output` is then undefined.
/// Source: two-shot allreduce by direct stores, as in MSCCL++ and TensorRT-LLM.
class PushTwoShot final : public AllreduceAlgorithm {
 public:
  std::string_view name() const override { return "push_two_shot"; }

  bool Supports(CollectiveContext& context, const AllreduceArguments& arguments) const override {
    return arguments.input_place.registered() && arguments.output_place.registered() &&
           SharesMemory(context);
  }
  double Cost(CollectiveContext& context, const AllreduceArguments& arguments) const override {
    const LinkCost& link = kSharedMemoryCost;
    const double ranks = context.size();
    const auto bytes = static_cast<double>(SizeBytes(arguments));
    return 2 * link.alpha_us + bytes * (2 * link.beta_us + (ranks - 1) / ranks * link.gamma_us);
  }
  Status Run(CollectiveContext& context, const AllreduceArguments& arguments) const override;

 private:
  ReductionOrder DeclaredOrder() const override { return ReductionOrder::kTree; }
};

// `to` is aligned to a line unless it is the end of a buffer.
void StreamCopy(std::byte* to, const std::byte* from, std::size_t size_bytes) {
  std::size_t done = 0;
#if defined(__SSE2__)
  if (reinterpret_cast<std::uintptr_t>(to) % sizeof(__m128i) == 0) {
    for (; done + sizeof(__m128i) <= size_bytes; done += sizeof(__m128i)) {
      const auto* const source = reinterpret_cast<const __m128i*>(from + done);
      _mm_stream_si128(reinterpret_cast<__m128i*>(to + done), _mm_loadu_si128(source));
    }
  }
#endif
  std::memcpy(to + done, from + done, size_bytes - done);
}

// Non-temporal stores are not ordered by what publishes them.
void EndStream() {
#if defined(__SSE2__)
  _mm_sfence();
#endif
}

// One rank's part of a call.
struct Shard {
  const AllreduceArguments& arguments;
  const SharedSegment& inputs;
  const SharedSegment& outputs;
  int rank;
  int ranks;
  Scaling scaling;
  std::span<const void*> operands;  // one per rank, in scratch

  std::byte* Output(int peer, std::size_t begin) const {
    return outputs.part(peer) + arguments.output_place.offset + begin;
  }

  void Reduce(std::size_t begin, std::size_t size_bytes, void* target) {
    for (int peer = 0; peer < ranks; ++peer) {
      operands[peer] = inputs.part(peer) + arguments.input_place.offset + begin;
    }
    ronde::Reduce(arguments.op, arguments.dtype, operands, target,
                  static_cast<std::int64_t>(size_bytes / SizeOf(arguments.dtype)), scaling);
  }

  void ReduceAndPush(std::size_t begin, std::size_t size_bytes) {
    std::byte* const own = Output(rank, begin);
    Reduce(begin, size_bytes, own);
    // Each rank begins with its neighbour, so that they do not all write to one.
    for (int distance = 1; distance < ranks; ++distance) {
      std::memcpy(Output((rank + distance) % ranks, begin), own, size_bytes);
    }
  }

  void ReduceAndStream(std::size_t begin, std::size_t size_bytes) {
    alignas(kLineBytes) std::byte result[kBlockBytes];
    Reduce(begin, size_bytes, result);
    for (int distance = 0; distance < ranks; ++distance) {
      StreamCopy(Output((rank + distance) % ranks, begin), result, size_bytes);
    }
  }
};

Status PushTwoShot::Run(CollectiveContext& context, const AllreduceArguments& arguments) const {
  RONDE_RETURN_IF_ERROR(CheckArguments(arguments));
  if (arguments.count == 0) return Status::Ok();
  const auto inputs = context.registered().Segment(arguments.input_place);
  const auto outputs = context.registered().Segment(arguments.output_place);
  if (inputs == nullptr || outputs == nullptr) {
    return Status::Internal("an allreduce's registered memory has gone");
  }
  const int ranks = context.size();
  const std::size_t total = SizeBytes(arguments);
  const std::size_t lines = (total + kLineBytes - 1) / kLineBytes;
  const std::size_t shard_bytes =
      (lines + static_cast<std::size_t>(ranks) - 1) / static_cast<std::size_t>(ranks) * kLineBytes;
  const std::size_t begin = std::min(total, static_cast<std::size_t>(context.rank()) * shard_bytes);
  const std::size_t end = std::min(total, begin + shard_bytes);

  Shard shard = {arguments,
                 *inputs,
                 *outputs,
                 context.rank(),
                 ranks,
                 ScalingFor(arguments, ranks),
                 OperandScratch(context)};
  // Inputs and outputs that do not fit into the cache: outputs are written past it, or each line
  // would be fetched only to be overwritten. In place it was just read. Each rank's own choice.
  const bool streams = arguments.input_place != arguments.output_place &&
                       2 * total * static_cast<std::size_t>(ranks) > CacheBytes();
  SharedChannel& channel = *context.shared_channel();
  const Deadline deadline = context.NewDeadline();

  // All inputs are complete, and nobody still reads what will be overwritten.
  RONDE_RETURN_IF_ERROR(channel.Step(deadline));
  for (std::size_t at = begin; at < end; at += kBlockBytes) {
    const std::size_t size_bytes = std::min(kBlockBytes, end - at);
    streams ? shard.ReduceAndStream(at, size_bytes) : shard.ReduceAndPush(at, size_bytes);
  }
  if (streams) EndStream();
  context.AddSharedBytes((end - begin) * static_cast<std::size_t>(ranks - 1));
  return channel.Step(deadline);
}

}  // namespace

const AllreduceAlgorithm& PushTwoShotAllreduce() {
  static const PushTwoShot algorithm;
  return algorithm;
}

}  // namespace ronde
