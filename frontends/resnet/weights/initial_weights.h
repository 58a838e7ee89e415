#pragma once

#include <string>

#include <torch/torch.h>

#include "frontends/session/session.h"

namespace ronde {

/// Gives `module` on rank 0 the weights of the file at `path`; the caller broadcasts them. Does
/// nothing for an empty path. Collective: every rank gives the same path.
/// Error: AgreedError with rank 0's reason, on all ranks.
void LoadInitialWeights(Session& session, torch::nn::Module& module, const std::string& path);

}  // namespace ronde
