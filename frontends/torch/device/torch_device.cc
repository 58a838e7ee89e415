#include "frontends/torch/device/torch_device.h"

#include <map>
#include <mutex>
#include <string>
#include <utility>

#include <ATen/Context.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include "core/base/strcat.h"
#include "core/device/open_device.h"
#include "frontends/torch/device/load_torch_cuda.h"
#include "frontends/torch/error.h"

namespace ronde {
namespace {

struct Table {
  std::mutex mutex;
  std::map<int, std::unique_ptr<TorchDevice>> devices;  // guarded by mutex; never removed
};

// As libtorch's own devices: one table per process. Never destroyed, because tensors and sessions
// may outlast main().
Table& TheTable() {
  static Table* table = new Table();
  return *table;
}

// Otherwise the first tensor does it, and its errors come in the middle of something.
Status StartTorchCuda() {
  try {
    at::globalContext().lazyInitDevice(at::kCUDA);
    return Status::Ok();
  } catch (const c10::Error& error) {
    const std::string text = error.what_without_backtrace();
    return Status::Unavailable(StrCat("libtorch's CUDA part: ", text.substr(0, text.find('\n'))));
  }
}

Result<std::unique_ptr<TorchDevice>> Open(int index) {
  RONDE_ASSIGN_OR_RETURN(std::unique_ptr<Device> device, OpenCudaDevice(index));
  RONDE_ASSIGN_OR_RETURN(std::unique_ptr<OptimizerKernels> kernels,
                         CreateOptimizerKernels(*device));
  RONDE_RETURN_IF_ERROR(LoadTorchCuda());
  RONDE_RETURN_IF_ERROR(StartTorchCuda());
  const at::Device place(at::kCUDA, static_cast<c10::DeviceIndex>(index));
  return std::make_unique<TorchDevice>(place, std::move(device), std::move(kernels));
}

Result<TorchDevice*> FindOrOpen(int index) {
  Table& table = TheTable();
  const std::lock_guard lock(table.mutex);
  std::unique_ptr<TorchDevice>& entry = table.devices[index];
  if (entry == nullptr) {
    RONDE_ASSIGN_OR_RETURN(entry, Open(index));
  }
  return entry.get();
}

}  // namespace

TorchDevice::TorchDevice(at::Device place, std::unique_ptr<Device> device,
                         std::unique_ptr<OptimizerKernels> kernels)
    : place_(place), device_(std::move(device)), kernels_(std::move(kernels)), events_(*device_) {}

StreamView TorchDevice::CurrentStream() {
  const c10::impl::VirtualGuardImpl torch(place_.type());
  return {device_.get(), torch.getStreamNativeHandle(torch.getStream(place_))};
}

std::shared_ptr<const Event> TorchDevice::RecordEvent() {
  auto event = events_.Record(CurrentStream());
  ThrowIfError(event.status());
  return std::move(event).value();
}

Status OpenTorchDevice(int index) {
  RONDE_ASSIGN_OR_RETURN(const TorchDevice* device, FindOrOpen(index));
  c10::impl::VirtualGuardImpl(device->place().type()).setDevice(device->place());
  return Status::Ok();
}

TorchDevice& DeviceOf(at::Device place) {
  auto device = FindOrOpen(place.has_index() ? place.index() : 0);
  ThrowIfError(device.status());
  return *device.value();
}

}  // namespace ronde
