#pragma once

#include <string>

namespace ronde {

/// The flags of the group "Checkpoints".
struct CheckpointOptions {
  std::string dir;              ///< empty: no checkpoints are written
  int every = 0;                ///< steps; 0: at the end of each epoch only
  int keep_last = 2;            ///< at least 1
  std::string resume = "none";  ///< "none", "auto" or a path

  [[nodiscard]] bool writes() const { return !dir.empty(); }
  [[nodiscard]] bool resumes() const { return resume != "none"; }
};

}  // namespace ronde
