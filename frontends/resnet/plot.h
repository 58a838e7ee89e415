#pragma once

#include <string>

#include "core/base/status.h"

namespace ronde {

/// Draws loss and accuracy per epoch of the log `jsonl_path` into `image_path` with matplotlib, in
/// a child process. The Python is $RONDE_PYTHON, else the one that the build found. Error:
/// kUnavailable, one line that says why there is no plot; the training stands.
[[nodiscard]] Status DrawPlot(const std::string& jsonl_path, const std::string& image_path);

}  // namespace ronde
