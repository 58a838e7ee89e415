#include "collectives/allreduce/common.h"

#include <array>

#include "core/base/strcat.h"

namespace ronde {

Status CheckArguments(const AllreduceArguments& arguments) {
  if (arguments.count < 0) {
    return Status::InvalidArgument(StrCat("allreduce: count is ", arguments.count, ", below 0"));
  }
  const bool scales = arguments.prescale != 1 || arguments.postscale != 1;
  if (scales && !IsFloatingPoint(arguments.dtype)) {
    return Status::InvalidArgument(StrCat("allreduce: prescale ", arguments.prescale,
                                          " and postscale ", arguments.postscale, " need a ",
                                          "floating-point type, got ", Name(arguments.dtype)));
  }
  return Status::Ok();
}

void FinishResult(const AllreduceArguments& arguments, void* data, std::int64_t count,
                  const Scaling& scaling) {
  const Scaling result = ResultPart(scaling);
  if (result.postscale == 1 && result.divisor == 1) return;
  Reduce(arguments.op, arguments.dtype, std::array<const void*, 1>{data}, data, count, result);
}

bool SharesMemory(CollectiveContext& context) {
  return context.shared_channel() != nullptr && context.communicator().single_host() &&
         context.size() <= kMaxReduceInputs;
}

std::span<const void*> OperandScratch(CollectiveContext& context) {
  const auto ranks = static_cast<std::size_t>(context.size());
  std::byte* const scratch = context.Scratch(ranks * sizeof(const void*));
  return {reinterpret_cast<const void**>(scratch), ranks};
}

void ReduceAlone(const AllreduceArguments& arguments) {
  const Scaling scaling = ScalingFor(arguments, 1);
  if (scaling.prescale == 1 && scaling.postscale == 1) {
    Scale(arguments.dtype, arguments.input, arguments.output, arguments.count, 1);
    return;
  }
  Reduce(arguments.op, arguments.dtype, std::array{arguments.input}, arguments.output,
         arguments.count, scaling);
}

}  // namespace ronde
