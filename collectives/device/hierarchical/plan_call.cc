#include "collectives/device/hierarchical/plan_call.h"

#include <algorithm>

#include "collectives/device/kernels/device_kernels.h"

namespace ronde {
namespace {

InputReduction Reduction(const PlanCall& call, const PlanPlace& to, const Scaling& scaling) {
  InputReduction reduction;
  reduction.dtype = call.sum.dtype;
  reduction.op = call.sum.op;
  reduction.scaling = scaling;
  reduction.count = static_cast<std::int64_t>(to.size_bytes / SizeOf(call.sum.dtype));
  reduction.output = call.memory.At(to);
  return reduction;
}

Status ReduceLocal(const PlanCall& call, const PlanStep& step, StreamView stream) {
  const PlanPlace& shard = step.writes.front();
  InputReduction reduction = Reduction(call, shard, call.sum.ForInputs(step.complete));
  reduction.input_count = static_cast<int>(call.inputs.size());
  for (std::size_t local = 0; local < call.inputs.size(); ++local) {
    reduction.inputs[local] = call.inputs[local] + shard.begin;
  }
  const bool scales = reduction.scaling.prescale != 1 || reduction.scaling.postscale != 1;
  if (call.inputs.size() > 1 || scales) {
    return call.context.kernels().ReduceInputs(stream, reduction);
  }
  if (reduction.inputs[0] == reduction.output) return Status::Ok();
  return call.context.device().Copy(reduction.output, reduction.inputs[0], shard.size_bytes,
                                    stream.native);
}

Status AddOnDevice(const PlanCall& call, const PlanStep& step, StreamView stream) {
  InputReduction reduction =
      Reduction(call, step.writes.front(), call.sum.ForPartials(step.complete));
  reduction.input_count = static_cast<int>(step.reads.size());
  for (std::size_t part = 0; part < step.reads.size(); ++part) {
    reduction.inputs[part] = call.memory.At(step.reads[part]);
  }
  return call.context.kernels().ReduceInputs(stream, reduction);
}

// The first of the next rank, and so on: not all ranks write to one at a time.
Status GatherLocal(const PlanCall& call, const DevicePlan& plan, const PlanPlace& shard,
                   StreamView stream) {
  for (int distance = 1; distance < plan.local_size; ++distance) {
    const int peer = (plan.local_rank + distance) % plan.local_size;
    RONDE_RETURN_IF_ERROR(
        call.context.device().Copy(call.outputs[static_cast<std::size_t>(peer)] + shard.begin,
                                   call.memory.At(shard), shard.size_bytes, stream.native));
  }
  return Status::Ok();
}

}  // namespace

Status IssueStep(const PlanCall& call, const DevicePlan& plan, const PlanStep& step,
                 StreamView stream) {
  switch (step.kind) {
    case PlanStepKind::kEnter:
    case PlanStepKind::kLeave:
      return call.channel.Barrier();  // on the stream for kernels, which is the channel's
    case PlanStepKind::kReduceLocal:
      return ReduceLocal(call, step, stream);
    case PlanStepKind::kAdd:
      return AddOnDevice(call, step, stream);
    case PlanStepKind::kCopyOut:
    case PlanStepKind::kCopyIn:
      return call.context.device().Copy(call.memory.At(step.writes.front()),
                                        call.memory.At(step.reads.front()),
                                        step.reads.front().size_bytes, stream.native);
    case PlanStepKind::kGatherLocal:
      return GatherLocal(call, plan, step.reads.front(), stream);
    default:
      return Status::Internal("hierarchical plan: a step of a stream that no stream takes");
  }
}

}  // namespace ronde
