#pragma once

#include <memory>

#include <torch/torch.h>

#include "core/base/status.h"
#include "core/device/device.h"
#include "core/device/event.h"
#include "frontends/torch/device/optimizer_kernels.h"

namespace ronde {

/// A device of libtorch as Ronde uses it: what is shared by all tensors that lie there.
/// Thread rule: thread-safe.
class TorchDevice {
 public:
  TorchDevice(at::Device place, std::unique_ptr<Device> device,
              std::unique_ptr<OptimizerKernels> kernels);

  [[nodiscard]] at::Device place() const { return place_; }
  [[nodiscard]] Device& device() { return *device_; }
  [[nodiscard]] OptimizerKernels& kernels() { return *kernels_; }
  /// To which libtorch gives the operators of the calling thread now.
  [[nodiscard]] StreamView CurrentStream();
  /// Happens when all that the current stream has been given so far is done.
  /// Errors: Error.
  [[nodiscard]] std::shared_ptr<const Event> RecordEvent();

 private:
  const at::Device place_;
  const std::unique_ptr<Device> device_;
  const std::unique_ptr<OptimizerKernels> kernels_;
  EventPool events_;
};

/// Opens a CUDA device, loads libtorch's CUDA part and makes the device the calling thread's
/// current one. Once for each device; a second call does nothing. Errors: kUnavailable: the build,
/// the libtorch, the driver or the device is missing, or is of no use.
[[nodiscard]] Status OpenTorchDevice(int index);

/// The device of a CUDA tensor; opened now where OpenTorchDevice has not been called.
/// Errors: Error.
[[nodiscard]] TorchDevice& DeviceOf(at::Device place);

}  // namespace ronde
