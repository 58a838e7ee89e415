#pragma once

#include <functional>
#include <memory>

#include "core/base/status.h"
#include "core/device/device.h"

namespace ronde::bench {

/// A CUDA graph of what `work` gives to a stream: recorded once, run as often as wanted. Without
/// CUDA, and on other devices, kUnavailable.
class CapturedGraph {
 public:
  virtual ~CapturedGraph() = default;
  /// Work is recorded, not run.
  [[nodiscard]] static Result<std::unique_ptr<CapturedGraph>> Capture(
      StreamView stream, const std::function<Status()>& work);
  /// Gives it to the stream.
  virtual Status Replay(StreamView stream) = 0;
  [[nodiscard]] virtual int kernels() const = 0;
};

/// The kernels among it.
[[nodiscard]] Result<int> CountCapturedKernels(StreamView stream,
                                               const std::function<Status()>& work);

}  // namespace ronde::bench
