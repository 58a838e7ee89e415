#pragma once

#include <vector>

#include <torch/torch.h>

namespace ronde {

/// Scales the gradients of `parameters` down to this Euclidean norm over all of them, where theirs
/// is larger. On the CPU it is torch::nn::utils::clip_grad_norm_; on a CUDA device the factor stays
/// there, and nobody waits for it.
void ClipGradientNorm(const std::vector<at::Tensor>& parameters, double largest_norm);

}  // namespace ronde
