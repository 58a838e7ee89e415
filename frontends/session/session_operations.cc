// The operations of a session: what travels in the request, and what is wrong with it.
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/strcat.h"
#include "core/control/block_shape.h"
#include "frontends/session/operation_check.h"
#include "frontends/session/session_parts.h"

namespace ronde {
namespace {

Request RequestFor(OperationKind kind, const std::string& name, int process_set, DataType dtype,
                   Shape shape) {
  Request request;
  request.kind = kind;
  request.name = name;
  request.process_set = process_set;
  request.dtype = dtype;
  request.shape = std::move(shape);
  return request;
}

Request ReductionRequest(OperationKind kind, const std::string& name, DataType dtype, Shape shape,
                         const AllreduceOptions& options) {
  Request request = RequestFor(kind, name, options.process_set, dtype, std::move(shape));
  request.op = options.op;
  request.prescale = options.prescale;
  request.postscale = options.postscale;
  return request;
}

// In place of the output of what has a result of its own: nothing, on the input's device.
TensorView ResultBeside(const TensorView& input) {
  TensorView nothing;
  nothing.device = input.device;
  return nothing;
}

}  // namespace

Result<ProcessSetPlace> Session::Parts::PlaceIn(int process_set, const std::string& name) const {
  Result<ProcessSetPlace> place = process_sets.PlaceIn(process_set);
  if (place.ok()) return place;
  return Status::InvalidArgument(StrCat("tensor '", name, "': ", place.status().message()));
}

Handle Session::AllreduceAsync(const std::string& name, const TensorView& input,
                               const TensorView& output, const AllreduceOptions& options) {
  if (std::optional<Handle> again = parts_->AllreduceAgain(name, input, output, options)) {
    return *std::move(again);
  }
  Status valid = CheckAllreduce(name, input, output, options.op);
  if (valid.ok()) valid = parts_->PlaceIn(options.process_set, name).status();
  if (!valid.ok()) return Handle::Completed(valid);
  Request request =
      ReductionRequest(OperationKind::kAllreduce, name, input.dtype, input.shape, options);
  request.objection = ObjectionToOverlap(input, output);
  parts_->SetPlaces(input, output, request);
  return parts_->engine.Enqueue(std::move(request), input, output);
}

std::optional<Handle> Session::Parts::AllreduceAgain(const std::string& name,
                                                     const TensorView& input,
                                                     const TensorView& output,
                                                     const AllreduceOptions& options) {
  if (options.process_set != kWorld || input.device != nullptr) return std::nullopt;
  std::int64_t size_bytes = 0;
  if (!IsCountable(input, size_bytes)) return std::nullopt;
  AllreduceCall call = {.name = name,
                        .input = input,
                        .output = output,
                        .op = options.op,
                        .prescale = options.prescale,
                        .postscale = options.postscale};
  const bool in_place = output.data == input.data;
  // The queue makes sure that they are of one shape.
  if (!in_place && Overlap(input.data, size_bytes, output.data, size_bytes)) return std::nullopt;
  const auto size = static_cast<std::size_t>(size_bytes);
  call.input_place = context->registered().Find(input.data, size);
  call.output_place = in_place ? call.input_place : context->registered().Find(output.data, size);
  return engine.EnqueueAgain(call);
}

Handle Session::BroadcastAsync(const std::string& name, TensorView inout, int root,
                               int process_set) {
  Status valid = CheckTensor(name, inout);
  if (valid.ok()) valid = parts_->PlaceIn(process_set, name).status();
  if (!valid.ok()) return Handle::Completed(valid);
  Request request =
      RequestFor(OperationKind::kBroadcast, name, process_set, inout.dtype, inout.shape);
  request.root = root;
  parts_->SetPlaces(inout, inout, request);
  return parts_->engine.Enqueue(std::move(request), inout, inout);
}

Result<Session::Parts::Submission> Session::Parts::Allgather(const std::string& name,
                                                             TensorView input, int process_set) {
  RONDE_RETURN_IF_ERROR(CheckTensor(name, input));
  RONDE_RETURN_IF_ERROR(PlaceIn(process_set, name).status());
  if (input.shape.empty()) input.shape = {1};  // scalars become a vector over the ranks
  Request request =
      RequestFor(OperationKind::kAllgather, name, process_set, input.dtype, input.shape);
  const TensorView nothing = ResultBeside(input);
  SetMemories(input, nothing, request);
  return Submission{std::move(request), std::move(input), nothing};
}

Result<Session::Parts::Submission> Session::Parts::AllgatherInto(const std::string& name,
                                                                 TensorView input,
                                                                 TensorView output,
                                                                 int process_set) {
  RONDE_RETURN_IF_ERROR(CheckTypes(name, input, output, ReduceOp::kSum));
  RONDE_ASSIGN_OR_RETURN(const ProcessSetPlace place, PlaceIn(process_set, name));
  if (input.shape.empty()) input.shape = {1};
  Request request =
      RequestFor(OperationKind::kAllgather, name, process_set, input.dtype, input.shape);
  request.into_output = true;
  const Shape gathered = AllgatherShape(input.shape, place.size);
  request.objection = ObjectionTo(input, output, gathered);
  std::int64_t own_bytes = 0;
  if (request.objection.empty() && IsCountable(input, own_bytes)) {
    request.objection = ObjectionToOverlap(input, output, -place.rank * own_bytes);
  }
  const Request joined =
      RequestFor(OperationKind::kAllgather, name, process_set, input.dtype, gathered);
  if (Validate(joined).ok()) {
    SetPlaces(input, output, request);
  } else {
    SetMemories(input, output, request);
  }
  return Submission{std::move(request), std::move(input), std::move(output)};
}

Result<Session::Parts::Submission> Session::Parts::Reducescatter(const std::string& name,
                                                                 TensorView input,
                                                                 TensorView output,
                                                                 const AllreduceOptions& options) {
  RONDE_RETURN_IF_ERROR(CheckTypes(name, input, output, options.op));
  RONDE_ASSIGN_OR_RETURN(const ProcessSetPlace place, PlaceIn(options.process_set, name));
  Request request =
      ReductionRequest(OperationKind::kReducescatter, name, input.dtype, input.shape, options);
  const Shape block = ReducescatterShape(input.shape, place.rank, place.size);
  request.objection = ObjectionTo(input, output, block);
  std::int64_t row_bytes = 0;
  if (request.objection.empty() && !input.shape.empty() && input.shape[0] > 0 &&
      IsCountable(input, row_bytes)) {
    row_bytes /= input.shape[0];
    const std::int64_t before = ReducescatterBegin(input.shape[0], place.rank, place.size);
    request.objection = ObjectionToOverlap(input, output, before * row_bytes);
  }
  SetPlaces(input, output, request);
  return Submission{std::move(request), std::move(input), std::move(output)};
}

Handle Session::AllgatherAsync(const std::string& name, TensorView input, int process_set) {
  return parts_->Submit(parts_->Allgather(name, std::move(input), process_set));
}

Handle Session::AllgatherAsync(const std::string& name, TensorView input, TensorView output,
                               int process_set) {
  return parts_->Submit(
      parts_->AllgatherInto(name, std::move(input), std::move(output), process_set));
}

Handle Session::ReducescatterAsync(const std::string& name, TensorView input, TensorView output,
                                   AllreduceOptions options) {
  return parts_->Submit(parts_->Reducescatter(name, std::move(input), std::move(output), options));
}

Handle Session::AlltoallAsync(const std::string& name, TensorView input,
                              const std::vector<std::int64_t>& splits, int process_set) {
  Status valid = CheckTypes(name, input, input, ReduceOp::kSum);
  if (valid.ok()) valid = parts_->PlaceIn(process_set, name).status();
  if (!valid.ok()) return Handle::Completed(valid);
  Request request =
      RequestFor(OperationKind::kAlltoall, name, process_set, input.dtype, input.shape);
  request.splits = splits;
  request.objection = ObjectionTo(input, input, input.shape);
  const TensorView nothing = ResultBeside(input);
  parts_->SetPlaces(input, nothing, request);
  return parts_->engine.Enqueue(std::move(request), std::move(input), nothing);
}

Handle Session::BarrierAsync(const std::string& name, int process_set) {
  const Status valid = parts_->PlaceIn(process_set, name).status();
  if (!valid.ok()) return Handle::Completed(valid);
  Request request = RequestFor(OperationKind::kBarrier, name, process_set, DataType::kUInt8, {0});
  const TensorView nothing(nullptr, DataType::kUInt8, {0});
  return parts_->engine.Enqueue(std::move(request), nothing, nothing);
}

Handle Session::AverageModelAsync(const std::string& name, TensorView parameters,
                                  const AverageSchedule& schedule, std::int64_t step,
                                  int process_set) {
  Status valid = CheckTensor(name, parameters);
  if (valid.ok()) valid = parts_->PlaceIn(process_set, name).status();
  if (!valid.ok()) return Handle::Completed(valid);
  // A schedule that makes no sense is negotiated, and refused, like one that ranks disagree on.
  const bool sensible = schedule.period >= 1 && schedule.origin >= 0 && step >= 1;
  if (sensible && !schedule.Due(step)) {
    OperationResult result;
    result.performed = false;
    return Handle::Completed(status(), std::move(result));
  }
  Request request = RequestFor(OperationKind::kModelAverage, name, process_set, parameters.dtype,
                               parameters.shape);
  request.op = ReduceOp::kAverage;
  request.window = {schedule.period, schedule.origin, step};
  parts_->SetPlaces(parameters, parameters, request);
  return parts_->engine.Enqueue(std::move(request), parameters, parameters);
}

}  // namespace ronde
