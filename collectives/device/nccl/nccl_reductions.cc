#include <algorithm>

#include "collectives/allreduce/common.h"
#include "collectives/check_scaling.h"
#include "collectives/device/nccl/nccl_collectives.h"
#include "collectives/device/nccl/nccl_reduction.h"
#include "collectives/reducescatter/reducescatter.h"
#include "collectives/shared/block_layout.h"

namespace ronde {
namespace {

// Issues what `reduce(nccl, comm, op)` calls, with the operator of `reduction`, as one group. NCCL
// reads an operator when it is handed a call, not when the call runs.
template <typename ReduceCalls>
Status IssueReduction(const NcclCall& call, std::string_view what, DataType dtype,
                      const NcclReduction& reduction, const ReduceCalls& reduce) {
  return call.communicator.Issue(what, call.deadline, [&](NcclApi& nccl, NcclComm comm) {
    if (!reduction.multiplies()) return reduce(nccl, comm, reduction.op);
    const NcclScalar factor(dtype, reduction.factor);
    NcclOp op;
    const NcclResult made = nccl.CreatePreMulSum(&op, factor.data(), dtype, comm);
    if (!Going(made)) return made;
    const NcclResult result = reduce(nccl, comm, op);
    const NcclResult destroyed = nccl.DestroyOp(op, comm);
    return Going(result) ? destroyed : result;
  });
}

Status ScaleAfter(const NcclCall& call, DataType dtype, void* output, std::int64_t count,
                  double factor) {
  if (factor == 1 || count == 0) return Status::Ok();
  return call.kernels.Scale(call.stream, dtype, output, output, count, factor);
}

}  // namespace

Status NcclAllreduce(const NcclCall& call, const AllreduceArguments& arguments) {
  RONDE_RETURN_IF_ERROR(CheckArguments(arguments));
  if (arguments.count == 0) return Status::Ok();
  const DataType dtype = arguments.dtype;
  const AllreducePiece whole = {arguments.input, arguments.output, 0, SizeBytes(arguments)};
  const std::span<const AllreducePiece> pieces =
      arguments.pieces.empty() ? std::span(&whole, 1) : arguments.pieces;
  const NcclReduction reduction = PlanNcclReduction(dtype, arguments.op, arguments.prescale,
                                                    arguments.postscale, call.communicator.size());
  const auto reduce = [&](NcclApi& nccl, NcclComm comm, NcclOp op) {
    NcclResult result = NcclResult::kSuccess;
    for (const AllreducePiece& piece : pieces) {
      if (piece.size_bytes == 0 || !Going(result)) continue;
      result = nccl.AllReduce(piece.input, piece.output, piece.size_bytes / SizeOf(dtype), dtype,
                              op, comm, call.stream);
    }
    return result;
  };
  RONDE_RETURN_IF_ERROR(IssueReduction(call, "allreduce", dtype, reduction, reduce));
  for (const AllreducePiece& piece : pieces) {
    RONDE_RETURN_IF_ERROR(ScaleAfter(call, dtype, piece.output,
                                     static_cast<std::int64_t>(piece.size_bytes / SizeOf(dtype)),
                                     reduction.scale_after));
  }
  return Status::Ok();
}

Status NcclReducescatter(const NcclCall& call, const ReducescatterArguments& arguments) {
  const int ranks = call.communicator.size();
  RONDE_RETURN_IF_ERROR(CheckArguments(arguments, ranks));
  const std::span<const std::int64_t> counts = arguments.rank_counts;
  const auto [fewest, most] = std::minmax_element(counts.begin(), counts.end());
  if (*most == 0) return Status::Ok();
  const bool even = *fewest == *most;
  const DataType dtype = arguments.dtype;
  const BlockLayout blocks(counts, SizeOf(dtype));
  const auto* input = static_cast<const std::byte*>(arguments.input);
  const NcclReduction reduction =
      PlanNcclReduction(dtype, arguments.op, arguments.prescale, arguments.postscale, ranks);
  const auto reduce = [&](NcclApi& nccl, NcclComm comm, NcclOp op) {
    if (even) {
      return nccl.ReduceScatter(input, arguments.output, static_cast<std::size_t>(counts[0]), dtype,
                                op, comm, call.stream);
    }
    NcclResult result = NcclResult::kSuccess;
    for (int root = 0; root < ranks; ++root) {
      const auto count = static_cast<std::size_t>(counts[static_cast<std::size_t>(root)]);
      if (count == 0 || !Going(result)) continue;
      void* const output = root == call.communicator.rank() ? arguments.output : nullptr;
      result = nccl.Reduce(input + blocks.begin(root), output, count, dtype, op, root, comm,
                           call.stream);
    }
    return result;
  };
  RONDE_RETURN_IF_ERROR(IssueReduction(call, "reducescatter", dtype, reduction, reduce));
  return ScaleAfter(call, dtype, arguments.output,
                    counts[static_cast<std::size_t>(call.communicator.rank())],
                    reduction.scale_after);
}

}  // namespace ronde
