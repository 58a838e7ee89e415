// The operations of a session: what travels in the request, and what is wrong with it.
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/base/strcat.h"
#include "frontends/session/operation_check.h"
#include "frontends/session/session_parts.h"

namespace ronde {
namespace {

Request RequestFor(OperationKind kind, const std::string& name, DataType dtype, Shape shape) {
  Request request;
  request.kind = kind;
  request.name = name;
  request.dtype = dtype;
  request.shape = std::move(shape);
  return request;
}

Request ReductionRequest(OperationKind kind, const std::string& name, DataType dtype, Shape shape,
                         const AllreduceOptions& options) {
  Request request = RequestFor(kind, name, dtype, std::move(shape));
  request.op = options.op;
  request.prescale = options.prescale;
  request.postscale = options.postscale;
  return request;
}

}  // namespace

MemoryPlace Session::Parts::PlaceOf(const std::vector<GroupMember>& group,
                                    const Request& request) const {
  // Most groups do not begin in registered memory, and no list is made of them.
  if (!context->registered().Find(group.front().output, 1).registered()) return {};
  std::vector<PackedTensor> tensors;
  tensors.reserve(group.size());
  for (std::size_t i = 0; i < group.size(); ++i) {
    const std::size_t size_bytes =
        static_cast<std::size_t>(request.group_counts[i]) * SizeOf(request.dtype);
    tensors.push_back({group[i].input, group[i].output, size_bytes, group[i].padding_bytes});
  }
  return context->registered().Find(FindPacked(tensors), PackedSizeOf(tensors));
}

Handle Session::AllreduceAsync(const std::string& name, TensorView input, TensorView output,
                               AllreduceOptions options) {
  const Status valid = CheckAllreduce(name, input, output, options.op);
  if (!valid.ok()) return Handle::Completed(valid);
  Request request =
      ReductionRequest(OperationKind::kAllreduce, name, input.dtype, input.shape, options);
  parts_->SetPlaces(input, output, request);
  return parts_->engine.Enqueue(std::move(request), std::move(input), std::move(output));
}

Handle Session::GroupedAllreduceAsync(const std::string& name,
                                      const std::vector<TensorView>& inputs,
                                      const std::vector<TensorView>& outputs,
                                      AllreduceOptions options) {
  const Status valid = CheckGroup(name, inputs, outputs, options.op);
  if (!valid.ok()) return Handle::Completed(valid);
  Request request =
      ReductionRequest(OperationKind::kAllreduce, name, inputs.front().dtype, {0}, options);
  std::vector<GroupMember> group;
  group.reserve(inputs.size());
  request.group_counts.reserve(inputs.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    group.push_back({inputs[i].data, outputs[i].data, outputs[i].padding_bytes});
    request.group_counts.push_back(inputs[i].count());
    if (__builtin_add_overflow(request.shape[0], request.group_counts.back(), &request.shape[0])) {
      return Handle::Completed(Status::InvalidArgument(
          StrCat("tensor '", name, "': a group of more elements than 63 bits count")));
    }
  }
  request.input_place = request.output_place = parts_->PlaceOf(group, request);
  return parts_->engine.Enqueue(std::move(request), std::move(group));
}

Handle Session::BroadcastAsync(const std::string& name, TensorView inout, int root) {
  const Status valid = CheckTensor(name, inout);
  if (!valid.ok()) return Handle::Completed(valid);
  Request request = RequestFor(OperationKind::kBroadcast, name, inout.dtype, inout.shape);
  request.root = root;
  parts_->SetPlaces(inout, inout, request);
  return parts_->engine.Enqueue(std::move(request), inout, inout);
}

Handle Session::AllgatherAsync(const std::string& name, TensorView input) {
  const Status valid = CheckTensor(name, input);
  if (!valid.ok()) return Handle::Completed(valid);
  if (input.shape.empty()) input.shape = {1};  // scalars become a vector over the ranks
  Request request = RequestFor(OperationKind::kAllgather, name, input.dtype, input.shape);
  return parts_->engine.Enqueue(std::move(request), std::move(input), TensorView());
}

Handle Session::AllgatherAsync(const std::string& name, TensorView input, TensorView output) {
  const Status valid = CheckTypes(name, input, output, ReduceOp::kSum);
  if (!valid.ok()) return Handle::Completed(valid);
  if (input.shape.empty()) input.shape = {1};
  Request request = RequestFor(OperationKind::kAllgather, name, input.dtype, input.shape);
  request.into_output = true;
  const Shape gathered = AllgatherShape(input.shape, size());
  request.objection = ObjectionTo(input, output, gathered);
  const Request joined = RequestFor(OperationKind::kAllgather, name, input.dtype, gathered);
  if (Validate(joined).ok()) parts_->SetPlaces(input, output, request);
  return parts_->engine.Enqueue(std::move(request), std::move(input), std::move(output));
}

Handle Session::ReducescatterAsync(const std::string& name, TensorView input, TensorView output,
                                   AllreduceOptions options) {
  const Status valid = CheckTypes(name, input, output, options.op);
  if (!valid.ok()) return Handle::Completed(valid);
  Request request =
      ReductionRequest(OperationKind::kReducescatter, name, input.dtype, input.shape, options);
  const Shape block = ReducescatterShape(input.shape, rank(), size());
  request.objection = ObjectionTo(input, output, block);
  parts_->SetPlaces(input, output, request);
  return parts_->engine.Enqueue(std::move(request), std::move(input), std::move(output));
}

Handle Session::AlltoallAsync(const std::string& name, TensorView input,
                              const std::vector<std::int64_t>& splits) {
  const Status valid = CheckTypes(name, input, input, ReduceOp::kSum);
  if (!valid.ok()) return Handle::Completed(valid);
  Request request = RequestFor(OperationKind::kAlltoall, name, input.dtype, input.shape);
  request.splits = splits;
  request.objection = ObjectionTo(input, input, input.shape);
  parts_->SetPlaces(input, TensorView(), request);
  return parts_->engine.Enqueue(std::move(request), std::move(input), TensorView());
}

Handle Session::BarrierAsync(const std::string& name) {
  Request request = RequestFor(OperationKind::kBarrier, name, DataType::kUInt8, {0});
  const TensorView nothing(nullptr, DataType::kUInt8, {0});
  return parts_->engine.Enqueue(std::move(request), nothing, nothing);
}

Handle Session::AverageModelAsync(const std::string& name, TensorView parameters,
                                  const AverageSchedule& schedule, std::int64_t step) {
  const Status valid = CheckTensor(name, parameters);
  if (!valid.ok()) return Handle::Completed(valid);
  // A schedule that makes no sense is negotiated, and refused, like one that ranks disagree on.
  const bool sensible = schedule.period >= 1 && schedule.origin >= 0 && step >= 1;
  if (sensible && !schedule.Due(step)) {
    OperationResult result;
    result.performed = false;
    return Handle::Completed(status(), std::move(result));
  }
  Request request =
      RequestFor(OperationKind::kModelAverage, name, parameters.dtype, parameters.shape);
  request.op = ReduceOp::kAverage;
  request.window = {schedule.period, schedule.origin, step};
  parts_->SetPlaces(parameters, parameters, request);
  return parts_->engine.Enqueue(std::move(request), parameters, parameters);
}

}  // namespace ronde
