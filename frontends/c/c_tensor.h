#pragma once

#include <cstdint>

#include "core/base/status.h"
#include "core/base/strcat.h"
#include "core/base/tensor_view.h"
#include "core/control/block_shape.h"
#include "frontends/c/ronde.h"
#include "frontends/c/start.h"
#include "frontends/session/session.h"

namespace ronde {

/// A shape is there. Error: kInvalidArgument; there are no views without this check.
inline Status CheckShape(const ronde_tensor& tensor) {
  if (tensor.dimensions >= 0 && (tensor.dimensions == 0 || tensor.shape != nullptr)) {
    return Status::Ok();
  }
  return Status::InvalidArgument(
      StrCat("a shape of ", tensor.dimensions, " dimensions at address ", tensor.shape));
}

/// The engine writes only to tensors that the caller passed as writable.
inline TensorView InputOf(const ronde_tensor& tensor) {
  return {const_cast<void*>(tensor.input), ToDataType(tensor.dtype),
          Shape(tensor.shape, tensor.shape + tensor.dimensions)};
}

/// Outputs, of the shape that the operation leaves there.
inline TensorView SameOutputOf(const ronde_tensor& tensor) {
  TensorView view = InputOf(tensor);
  view.data = tensor.output;
  return view;
}
inline TensorView GatheredOutputOf(const ronde_tensor& tensor, const Session& session,
                                   int process_set) {
  const TensorView input = InputOf(tensor);
  return {tensor.output, input.dtype,
          AllgatherShape(input.shape, session.process_set_size(process_set))};
}
inline TensorView ScatteredOutputOf(const ronde_tensor& tensor, const Session& session,
                                    int process_set) {
  const TensorView input = InputOf(tensor);
  return {tensor.output, input.dtype,
          ReducescatterShape(input.shape, session.process_set_rank(process_set),
                             session.process_set_size(process_set))};
}

}  // namespace ronde
