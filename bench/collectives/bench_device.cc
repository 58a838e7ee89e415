#include "bench/collectives/bench_device.h"

#include <thread>

#include "core/base/clock.h"
#include "core/device/device_list.h"
#include "core/device/open_device.h"
#include "core/device/simulated_device.h"

namespace ronde::bench {
namespace {

// For work that takes milliseconds: only a device that hangs takes so long.
constexpr double kPatienceS = 60;

Result<std::unique_ptr<Device>> OpenChosen(DeviceChoice choice, int local_rank) {
  if (choice == DeviceChoice::kSimulated) {
    return std::unique_ptr<Device>(std::make_unique<SimulatedDevice>());
  }
  const auto devices = static_cast<int>(ListDevices().size());
  // Without any, index 0 yields the error that says why.
  return OpenCudaDevice(devices > 0 ? local_rank % devices : 0);
}

}  // namespace

Result<std::unique_ptr<BenchDevice>> BenchDevice::Open(DeviceChoice choice, int local_rank) {
  RONDE_ASSIGN_OR_RETURN(std::unique_ptr<Device> device, OpenChosen(choice, local_rank));
  RONDE_ASSIGN_OR_RETURN(Stream stream, Stream::Create(*device, StreamPriority::kDefault));
  RONDE_ASSIGN_OR_RETURN(Event event, Event::Create(*device));
  return std::unique_ptr<BenchDevice>(
      new BenchDevice(std::move(device), std::move(stream), std::move(event)));
}

Result<std::shared_ptr<std::byte>> BenchDevice::Allocate(std::size_t size_bytes) {
  RONDE_ASSIGN_OR_RETURN(void* const memory, device_->Allocate(size_bytes));
  return std::shared_ptr<std::byte>(static_cast<std::byte*>(memory),
                                    [device = device_](std::byte* data) { device->Free(data); });
}

Status BenchDevice::Copy(void* target, const void* source, std::size_t size_bytes) {
  if (size_bytes == 0) return Status::Ok();
  RONDE_RETURN_IF_ERROR(device_->Copy(target, source, size_bytes, stream_.view().native));
  return Finish(stream_.view());
}

Status BenchDevice::Finish(StreamView stream) {
  const Deadline deadline = Deadline::After(kPatienceS);
  RONDE_RETURN_IF_ERROR(event_.Record(stream));
  while (true) {
    RONDE_ASSIGN_OR_RETURN(const bool happened, event_.Happened());
    if (happened) return Status::Ok();
    if (deadline.Expired()) return Status::Timeout("the device has not finished its work in 60 s");
    std::this_thread::yield();  // a simulated device computes on the same cores
  }
}

}  // namespace ronde::bench
