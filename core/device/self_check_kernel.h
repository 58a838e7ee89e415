#pragma once

#include <cstdint>

#include "core/base/status.h"
#include "core/device/device.h"
#include "core/device/launch.h"
#include "core/device/space.h"

namespace ronde {

/// Every block writes its part of `words`, raises its flag, waits for the flag of the next block
/// and copies that one's part to `shifted`.
struct SelfCheckKernel {
  std::uint64_t* words = nullptr;    ///< blocks x part
  std::uint64_t* shifted = nullptr;  ///< the same
  std::uint64_t* flags = nullptr;    ///< one for each block, zero before
  std::int64_t part = 0;             ///< words of a block
  std::int64_t patience_ns = 0;      ///< how long a block waits for another

  template <typename Space>
  RONDE_DEVICE_CODE void operator()(Space& space) const {
    const std::int64_t own = space.block() * part;
    for (std::int64_t i = space.thread(); i < part; i += space.threads()) {
      words[own + i] = static_cast<std::uint64_t>(own + i + 1);
    }
    space.SyncBlock();
    const int next = (space.block() + 1) % space.blocks();
    if (space.thread() == 0) {
      space.StoreRelease(flags + space.block(), 1);
      const std::int64_t end_ns = space.NowNs() + patience_ns;
      while (space.LoadAcquire(flags + next) == 0 && space.NowNs() < end_ns) space.Pause();
    }
    space.SyncBlock();
    for (std::int64_t i = space.thread(); i < part; i += space.threads()) {
      shifted[own + i] = words[next * part + i];
    }
  }
};

/// kUnavailable in a build without CUDA.
[[nodiscard]] Status LaunchSelfCheckCuda(StreamView stream, LaunchShape shape,
                                         const SelfCheckKernel& kernel);

}  // namespace ronde
