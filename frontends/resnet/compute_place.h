#pragma once

#include <memory>
#include <string>

#include <torch/torch.h>

#include "core/base/status.h"
#include "frontends/resnet/data/batch_loader.h"
#include "frontends/resnet/data/pinned_memory.h"
#include "frontends/resnet/options.h"

namespace ronde {

/// Where this rank computes, and with what its batches are prepared.
struct ComputePlace {
  at::Device device = at::kCPU;
  std::string name = "cpu";              ///< for the log: "cpu", "NVIDIA H100 80GB HBM3"
  std::string warning;                   ///< one line for the user; mostly empty
  int loader_threads = 1;                ///< that prepare batches
  std::unique_ptr<PinnedMemory> pinned;  ///< where batches for a device lie; null on the CPU

  [[nodiscard]] bool on_device() const { return !device.is_cpu(); }
  [[nodiscard]] LoaderResources loader() const {
    LoaderResources resources;
    resources.threads = loader_threads;
    if (pinned != nullptr) resources.memory = pinned.get();
    return resources;
  }
};

/// The place that --device says: for cuda the usable GPU number `local_rank` modulo their count
/// (CUDA_VISIBLE_DEVICES decides which are usable, and their order), made this thread's current one
/// and set up as --tf32 and --deterministic say. `cores` may be used by the `local_size` ranks of
/// this host together. Errors: kUnavailable, one line that begins with the flag: the build, the
/// libtorch, the driver or the GPU is missing.
[[nodiscard]] Result<ComputePlace> OpenComputePlace(const TrainOptions& options, int local_rank,
                                                    int local_size, int cores);

}  // namespace ronde
