#include "tensor_fusion/operation_arguments.h"

#include "core/base/strcat.h"
#include "core/control/block_shape.h"

namespace ronde {

AllreduceArguments ArgumentsFor(const Request& request) {
  AllreduceArguments arguments;
  arguments.count = ElementCount(request.shape);
  arguments.dtype = request.dtype;
  arguments.op = request.op;
  arguments.prescale = request.prescale;
  arguments.postscale = request.postscale;
  return arguments;
}

AllreduceArguments PlacedArgumentsFor(const Request& request) {
  AllreduceArguments arguments = ArgumentsFor(request);
  arguments.input_place = request.input_place;
  arguments.output_place = request.output_place;
  return arguments;
}

Result<AllreduceArguments> ArgumentsWhereItLies(const Request& request,
                                                std::span<const PackedTensor> tensors) {
  AllreduceArguments arguments = PlacedArgumentsFor(request);
  arguments.output = FindPacked(tensors);
  arguments.input = arguments.output;
  arguments.count = static_cast<std::int64_t>(PackedSizeOf(tensors) / SizeOf(request.dtype));
  if (arguments.output == nullptr) {
    return Status::Internal(StrCat("group '", request.name, "' does not lie as it was said to"));
  }
  return arguments;
}

std::int64_t RowElements(const Shape& shape) {
  std::int64_t elements = 1;
  for (const std::int64_t extent : std::span(shape).subspan(1)) elements *= extent;
  return elements;
}

ReducescatterArguments ReducescatterArgumentsFor(const ReadyOperation& operation, int ranks,
                                                 std::vector<std::int64_t>& blocks) {
  const Request& request = operation.response->request;
  const std::int64_t row_elements = RowElements(request.shape);
  blocks.clear();
  for (int rank = 0; rank < ranks; ++rank) {
    blocks.push_back(ReducescatterRows(request.shape[0], rank, ranks) * row_elements);
  }
  ReducescatterArguments arguments;
  arguments.input = operation.entry.input.data;
  arguments.output = operation.entry.output.data;
  arguments.rank_counts = blocks;
  arguments.dtype = request.dtype;
  arguments.op = request.op;
  arguments.prescale = request.prescale;
  arguments.postscale = request.postscale;
  arguments.input_place = request.input_place;
  return arguments;
}

}  // namespace ronde
