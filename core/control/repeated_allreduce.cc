#include "core/control/repeated_allreduce.h"

#include <algorithm>

namespace ronde {

RepeatedAllreduce::RepeatedAllreduce(const Request& request) {
  const bool is_plain = request.kind == OperationKind::kAllreduce &&
                        request.process_set == kWorld && request.group.empty() &&
                        request.group_counts.empty() && !request.on_device &&
                        request.objection.empty() && request.shape.size() <= kMostDimensions;
  if (!is_plain) return;
  dtype_ = request.dtype;
  op_ = request.op;
  dimensions_ = static_cast<std::uint8_t>(request.shape.size());
  std::copy(request.shape.begin(), request.shape.end(), shape_.begin());
  prescale_ = request.prescale;
  postscale_ = request.postscale;
  input_place_ = request.input_place;
  output_place_ = request.output_place;
  valid_ = true;
}

bool RepeatedAllreduce::Matches(const AllreduceCall& call) const {
  const auto is_alike = [this](const TensorView& view) {
    return view.dtype == dtype_ && view.data != nullptr && view.device == nullptr &&
           view.ready == nullptr && IsShape(view.shape);
  };
  return valid_ && call.op == op_ && call.prescale == prescale_ && call.postscale == postscale_ &&
         call.input_place == input_place_ && call.output_place == output_place_ &&
         is_alike(call.input) && (&call.output == &call.input || is_alike(call.output));
}

bool RepeatedAllreduce::IsShape(const Shape& shape) const {
  if (shape.size() != dimensions_) return false;
  std::int64_t difference = 0;
  for (std::size_t i = 0; i < dimensions_; ++i) difference |= shape[i] ^ shape_[i];
  return difference == 0;
}

}  // namespace ronde
