#pragma once

#include <string>

#include "core/base/status.h"
#include "core/base/tensor_view.h"

namespace ronde {

// What only this rank can see to be wrong. Everything that travels in the request (shape, root,
// scales, window) is left to the negotiation, so that all ranks learn of it and none waits in vain.
// Both return kInvalidArgument naming the operation and what is wrong.

Status CheckTensor(const std::string& name, const TensorView& tensor);
Status CheckAllreduce(const std::string& name, const TensorView& input, const TensorView& output,
                      ReduceOp op);

}  // namespace ronde
