#pragma once

#include <string>

#include "core/base/status.h"
#include "frontends/torch/tensor_bridge.h"

namespace ronde {

/// Writes `tensors` by name to `path`, fsync included, so that Python's torch.load(path,
/// weights_only=True) gives a dict that load_state_dict takes. On error nothing is left behind.
/// Error: kUnavailable, "PATH: cannot be written: why".
[[nodiscard]] Status WriteStateDict(const NamedTensors& tensors, const std::string& path);

/// Reads what Python's torch.save(model.state_dict(), path) has written, or WriteStateDict: CPU
/// tensors by name, in the order of the dict. They may share memory and have any strides. Nothing
/// in the file is executed, and everything is checked before use: safe for any input; never throws.
/// Error: kInvalidArgument, one line that names the file, what is wrong and where it helps a
/// remedy.
[[nodiscard]] Result<NamedTensors> ReadStateDict(const std::string& path);

}  // namespace ronde
