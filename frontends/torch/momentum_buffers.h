#pragma once

#include <vector>

#include <torch/torch.h>

namespace ronde {

/// The momentum buffers of all parameters in groups with momentum, in the optimizer's order. A
/// buffer that does not exist yet is made of zeros: the optimizer's first step then gives the same
/// (without dampening). `optimizer` is a torch::optim::SGD or derives from it.
[[nodiscard]] std::vector<at::Tensor> MomentumBuffers(torch::optim::Optimizer& optimizer);

}  // namespace ronde
