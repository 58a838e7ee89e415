#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "bench/collectives/device_choice.h"
#include "core/base/types.h"

namespace ronde::bench {

/// What ronde-bench-kernels measures.
struct KernelOptions {
  DeviceChoice device = DeviceChoice::kSimulated;
  std::vector<std::string> kernels;    ///< of "pack", "reduce", "optimizer"
  std::string model = "resnet50";      ///< whose gradients are packed; see GradientCounts
  std::int64_t size_bytes = 64 << 20;  ///< of each input of a reduction
  std::int64_t elements = 25557032;    ///< of the optimizer's parameters: ResNet-50's
  int rounds = 9;
  double batch_us = 4000;  ///< of launches that are waited for together
  bool check = true;
  std::string json;  ///< a file, "-" for stdout in place of the table, or nothing
};

/// One kernel beside what the device's memory can do. A kernel that moves so many bytes cannot be
/// faster than a copy that does.
struct KernelRow {
  std::string kernel;
  std::string variant;
  DataType dtype = DataType::kFloat32;
  std::int64_t bytes_moved = 0;  ///< read and written
  int launches = 0;
  double time_us = 0;   ///< median over rounds
  double bound_us = 0;  ///< of a device-to-device copy that moves as many, in the same run
  std::int64_t wrong = 0;
  bool checked = false;
  double goal_percent = 0;  ///< of the bound; 0: no goal
  int most_launches = 0;    ///< goal; 0: none

  [[nodiscard]] double percent() const { return time_us > 0 ? 100 * bound_us / time_us : 0; }
  [[nodiscard]] double rate_gbs() const {
    return time_us > 0 ? static_cast<double>(bytes_moved) / time_us / 1e3 : 0;
  }
};

using KernelSink = std::function<void(const KernelRow&)>;

}  // namespace ronde::bench
