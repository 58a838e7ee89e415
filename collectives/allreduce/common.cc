#include "collectives/allreduce/common.h"

#include <array>

#include "collectives/allreduce/pieces.h"
#include "collectives/check_scaling.h"
#include "core/base/strcat.h"

namespace ronde {

Status CheckArguments(const AllreduceArguments& arguments) {
  if (arguments.count < 0) {
    return Status::InvalidArgument(StrCat("allreduce: count is ", arguments.count, ", below 0"));
  }
  if (!IsElementwise(arguments.op)) {
    return Status::InvalidArgument(StrCat("allreduce: operator ", Name(arguments.op),
                                          " needs whole tensors; its algorithm has its name"));
  }
  return CheckScaling("allreduce", arguments.dtype, arguments.prescale, arguments.postscale);
}

void FinishResult(const AllreduceArguments& arguments, void* data, std::int64_t count,
                  const Scaling& scaling) {
  const Scaling result = ResultPart(scaling);
  if (result.postscale == 1 && result.divisor == 1) return;
  Reduce(arguments.op, arguments.dtype, std::array<const void*, 1>{data}, data, count, result);
}

bool SharesMemory(CollectiveContext& context) {
  return OneHostSharesMemory(context) && context.size() <= kMaxReduceInputs;
}

void ReduceAlone(const AllreduceArguments& arguments) {
  const Scaling scaling = ScalingFor(arguments, 1);
  const auto reduce = [&](const void* input, void* output, std::size_t, std::size_t size_bytes) {
    const auto count = static_cast<std::int64_t>(size_bytes / SizeOf(arguments.dtype));
    ReduceOne(arguments.op, arguments.dtype, input, output, count, scaling);
  };
  Pieces(arguments).ForEach(0, SizeBytes(arguments), reduce);
}

}  // namespace ronde
