#pragma once

#include <string>

#include <torch/torch.h>

#include "core/base/status.h"

namespace ronde {

/// Writes the parameters and buffers of `module` by name, so that Python's
/// torch.load(path, weights_only=True) gives a dict that load_state_dict takes. Atomic: `path` has
/// its old contents or all of the new. Error: kUnavailable naming the file.
[[nodiscard]] Status SaveStateDict(const torch::nn::Module& module, const std::string& path);

}  // namespace ronde
