#include <algorithm>
#include <cstring>
#include <span>

#include "collectives/allreduce/common.h"
#include "collectives/cost_model.h"
#include "collectives/shared/shared_channel.h"
#include "collectives/shared/stream_copy.h"

namespace ronde {
namespace {

constexpr std::size_t kLineBytes = 64;  // a whole number of elements of any type

// Whether no element there lies across two lines: lines are divided among the ranks.
bool HoldsElements(const MemoryPlace& place, DataType dtype) {
  return place.registered() && static_cast<std::size_t>(place.offset) % SizeOf(dtype) == 0;
}

/// Allreduce of the ranks of one host in registered memory: rank r reduces shard r of all inputs
/// and writes the result into every output. Nothing is copied in or out, each input is read once
/// and each output written once.
///
/// Cost:   2 alpha + 2n beta + n(p-1)/p gamma (n bytes, p ranks); with m ranks in each of several
///         packages, 2n(p-m)/p between them
/// Buffer: `input` (may be `output`) to `output`, both in registered memory, at the same places on
///         all ranks.
/// Order:  a binary tree over the ranks (kTree) for every element, 16-bit types in float32.
/// Errors: kTimeout naming the ranks that are missing, kAborted; `output` is then undefined.
/// Source: two-shot allreduce by direct stores, as in MSCCL++ and TensorRT-LLM.
class PushTwoShot final : public AllreduceAlgorithm {
 public:
  std::string_view name() const override { return "push_two_shot"; }

  bool Supports(CollectiveContext& context, const AllreduceArguments& arguments) const override {
    return HoldsElements(arguments.input_place, arguments.dtype) &&
           HoldsElements(arguments.output_place, arguments.dtype) && SharesMemory(context);
  }
  std::string_view Needs() const override {
    return "input and output in registered memory, at whole elements, all ranks on one host that "
           "share memory";
  }
  double Cost(CollectiveContext& context, const AllreduceArguments& arguments) const override {
    const LinkCost& link = context.costs().registered;
    const double ranks = context.size();
    const auto bytes = static_cast<double>(SizeBytes(arguments));
    const PackageGroups& groups = context.package_groups();
    const double crossing =
        groups.even() ? 2 * bytes * (ranks - groups.ranks_per_package()) / ranks : 0;
    return 2 * link.alpha_us + bytes * (2 * link.beta_us + (ranks - 1) / ranks * link.gamma_us) +
           crossing * kPackageCrossingUs;
  }
  Status Run(CollectiveContext& context, const AllreduceArguments& arguments) const override;

 private:
  ReductionOrder DeclaredOrder() const override { return ReductionOrder::kTree; }
};

// One rank's part of a call.
struct Shard {
  const AllreduceArguments& arguments;
  const RegisteredBuffer& inputs;
  const RegisteredBuffer& outputs;
  int rank;
  int ranks;
  PointerScratch pointers;

  void ReduceAndPush(std::size_t begin, std::size_t end, bool streams) {
    const auto& [operands, results] = pointers;
    for (int peer = 0; peer < ranks; ++peer) {
      operands[peer] = inputs.of(peer) + begin;
      // Each rank begins with itself and its neighbour, so that they do not all write to one.
      results[peer] = outputs.of((rank + peer) % ranks) + begin;
    }
    ReduceToAll(arguments.op, arguments.dtype, operands, results,
                static_cast<std::int64_t>((end - begin) / SizeOf(arguments.dtype)),
                ScalingFor(arguments, ranks), streams);
  }
};

Status PushTwoShot::Run(CollectiveContext& context, const AllreduceArguments& arguments) const {
  RONDE_RETURN_IF_ERROR(CheckArguments(arguments));
  if (arguments.count == 0) return Status::Ok();
  RONDE_ASSIGN_OR_RETURN(const RegisteredBuffer inputs,
                         RegisteredBuffer::Find(context, arguments.input_place, "allreduce"));
  RONDE_ASSIGN_OR_RETURN(const RegisteredBuffer outputs,
                         RegisteredBuffer::Find(context, arguments.output_place, "allreduce"));
  const int ranks = context.size();
  Shard shard = {arguments, inputs, outputs, context.rank(), ranks, PointerScratch(context)};
  // Whole lines of the outputs, but for the ends of the buffer.
  const std::size_t skew = static_cast<std::size_t>(arguments.output_place.offset) % kLineBytes;
  const auto [begin, end] = ShareOf(SizeBytes(arguments), context.rank(), ranks, skew);
  // Inputs and outputs that do not fit into the cache: outputs are written past it, or each line
  // would be fetched only to be overwritten. In place it was just read. Each rank's own choice.
  const bool streams =
      arguments.input_place != arguments.output_place &&
      ExceedsCache(context, 2 * SizeBytes(arguments) * static_cast<std::size_t>(ranks));
  SharedChannel& channel = *context.shared_channel();
  const Deadline deadline = context.NewDeadline();

  // All inputs are complete, and nobody still reads what will be overwritten.
  RONDE_RETURN_IF_ERROR(channel.Step(deadline));
  const std::size_t whole_lines =
      std::min(end, begin + (kLineBytes - (skew + begin) % kLineBytes) % kLineBytes);
  if (begin < whole_lines) shard.ReduceAndPush(begin, whole_lines, /*streams=*/false);
  if (whole_lines < end) shard.ReduceAndPush(whole_lines, end, streams);
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
