#pragma once

#include <torch/torch.h>

#include "frontends/session/session.h"
#include "frontends/torch/tensor_bridge.h"

namespace ronde {

/// Root's values to every rank, in place. Collective; all ranks give the same names and shapes.
/// Blocks until done. Errors: Error with kMismatch where ranks disagree, on all of them.
void BroadcastParameters(Session& session, const NamedTensors& tensors, int root = 0);

/// The same for all parameters and buffers (also the integer ones) of `module`.
void BroadcastParameters(Session& session, torch::nn::Module& module, int root = 0);

/// Root's optimizer state and hyper-parameters (learning rates, ...) to every rank, for any
/// torch::optim optimizer that can be saved. The optimizers must be of one class over the same
/// parameter groups; the state of a rank other than root may be empty. Collective; blocks.
void BroadcastOptimizerState(Session& session, torch::optim::Optimizer& optimizer, int root = 0);

}  // namespace ronde
