#include "core/control/stand_in.h"

#include <algorithm>
#include <string>

#include "core/base/strcat.h"
#include "core/control/block_shape.h"

namespace ronde {
namespace {

bool AddsUp(ReduceOp op) { return op == ReduceOp::kSum || op == ReduceOp::kAverage; }

std::string RanksText(std::span<const int> ranks) {
  std::string text = ranks.size() == 1 ? "rank " : "ranks ";
  for (std::size_t i = 0; i < ranks.size(); ++i) text += StrCat(i == 0 ? "" : ", ", ranks[i]);
  return StrCat(text, ranks.size() == 1 ? " has" : " have");
}

// The bytes of a tensor of this shape. Agreed requests are countable.
std::size_t SizeOfTensor(const Request& request) {
  return static_cast<std::size_t>(ElementCount(request.shape)) * SizeOf(request.dtype);
}

}  // namespace

Status CheckJoined(const Request& request, std::span<const int> joined, bool root_joined) {
  std::string problem;
  switch (request.kind) {
    case OperationKind::kAllreduce:
    case OperationKind::kReducescatter:
      if (AddsUp(request.op)) return Status::Ok();
      problem = StrCat(" with operator ", Name(request.op), ", for which zeros are no stand-in");
      break;
    case OperationKind::kAllgather:
      if (!request.into_output) return Status::Ok();
      problem = " into a given output, which has rows for all ranks";
      break;
    case OperationKind::kBroadcast:
      if (!root_joined) return Status::Ok();
      problem = StrCat(" from root ", request.root, ", which is one of them");
      break;
    case OperationKind::kBarrier:
      return Status::Ok();
    default:
      break;
  }
  return Status::InvalidArgument(StrCat("tensor '", request.name, "': ", RanksText(joined),
                                        " joined, and there is no ", Name(request.kind),
                                        " without data of all ranks", problem,
                                        "; wait until all ranks have joined"));
}

Request StandInFor(const Request& request) {
  Request stand_in = request;
  stand_in.input_place = {};
  stand_in.output_place = {};
  stand_in.objection.clear();
  const bool joins_rows = request.kind == OperationKind::kAllgather && !request.shape.empty();
  if (joins_rows) stand_in.shape[0] = 0;
  return stand_in;
}

void StandInBuffers::Reserve(const Response& response) {
  if (!response.error.ok() || response.request.kind == OperationKind::kAllgather) return;
  const std::size_t size_bytes = SizeOfTensor(response.request);
  if (zeros_.size() >= size_bytes) return;
  zeros_.resize(size_bytes);
  output_.resize(size_bytes);
}

TensorEntry StandInBuffers::EntryFor(const Response& response, int rank, int size) {
  TensorEntry entry;
  entry.request = StandInFor(response.request);
  const Request& request = entry.request;
  entry.input = TensorView(zeros_.data(), request.dtype, request.shape);
  entry.output = TensorView(output_.data(), request.dtype, request.shape);
  if (request.kind == OperationKind::kReducescatter) {
    entry.output.shape = ReducescatterShape(request.shape, rank, size);
  }
  entry.group.assign(request.group_counts.size(), {zeros_.data(), output_.data(), 0});
  return entry;
}

}  // namespace ronde
