#pragma once

#include <string>
#include <vector>

#include "core/device/nvml_table.h"

namespace ronde {

/// A machine for NvmlTable to show. Its functions carry no argument of ours, so there is one
/// machine at a time: the last one that was asked for a table.
class FakeNvml {
 public:
  struct Gpu {
    std::string name;
    unsigned int bus = 0;
    int links_to_switch = 0;
    std::vector<int> links_to;  ///< one entry for each NVLink that ends at another GPU
    bool visible = true;
  };
  std::vector<Gpu> gpus;
  std::vector<std::vector<int>> levels;  ///< nvmlGpuTopologyLevel_t
  std::vector<std::vector<bool>> p2p;
  bool starts = true;
  int running = 0;  ///< inits without their shutdown

  /// `this` has to outlive the use of the table.
  [[nodiscard]] NvmlTable Table();
};

}  // namespace ronde
