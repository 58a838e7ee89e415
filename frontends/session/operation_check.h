#pragma once

#include <string>
#include <vector>

#include "core/base/status.h"
#include "core/base/tensor_view.h"

namespace ronde {

// What only this rank can see to be wrong. Everything that travels in the request (shape, root,
// scales, window) is left to the negotiation, so that all ranks learn of it and none waits in vain.
// All return kInvalidArgument naming the operation and what is wrong.

Status CheckTensor(const std::string& name, const TensorView& tensor);
Status CheckAllreduce(const std::string& name, const TensorView& input, const TensorView& output,
                      ReduceOp op);
Status CheckGroup(const std::string& name, const std::vector<TensorView>& inputs,
                  const std::vector<TensorView>& outputs, ReduceOp op);

}  // namespace ronde
