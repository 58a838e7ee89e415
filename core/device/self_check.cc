#include "core/device/self_check.h"

#include <algorithm>
#include <cstdint>

#include "core/base/strcat.h"
#include "core/device/device_buffer.h"
#include "core/device/launch_simulated.h"
#include "core/device/self_check_kernel.h"
#include "core/device/stream.h"

namespace ronde {
namespace {

constexpr std::int64_t kPart = 1000;
constexpr std::int64_t kPatienceNs = 2'000'000'000;

std::uint64_t* Words(const DeviceBuffer& buffer) {
  return reinterpret_cast<std::uint64_t*>(buffer.data());
}

// Device and host memory of one check.
struct Buffers {
  DeviceBuffer words, shifted, flags, result;
};

Result<Buffers> CreateBuffers(Device& device, int blocks) {
  const std::size_t size_bytes = sizeof(std::uint64_t) * kPart * blocks;
  Buffers buffers;
  RONDE_ASSIGN_OR_RETURN(buffers.words, DeviceBuffer::Create(device, size_bytes));
  RONDE_ASSIGN_OR_RETURN(buffers.shifted, DeviceBuffer::Create(device, size_bytes));
  RONDE_ASSIGN_OR_RETURN(buffers.flags,
                         DeviceBuffer::Create(device, sizeof(std::uint64_t) * blocks));
  RONDE_ASSIGN_OR_RETURN(buffers.result,
                         DeviceBuffer::Create(device, size_bytes, DeviceBuffer::Place::kPinned));
  return buffers;
}

Status CheckResult(const Device& device, const std::uint64_t* result, int blocks) {
  for (std::int64_t i = 0; i < kPart * blocks; ++i) {
    const auto expected = static_cast<std::uint64_t>((i + kPart) % (kPart * blocks) + 1);
    if (result[i] != expected) {
      return Status::Internal(StrCat(Name(device.kind()), ":", device.index(),
                                     ": self-check: word ", i, " is ", result[i], ", expected ",
                                     expected));
    }
  }
  return Status::Ok();
}

}  // namespace

Status CheckDevice(Device& device, Deadline deadline) {
  const int blocks = device.concurrent_blocks();
  RONDE_ASSIGN_OR_RETURN(const Buffers buffers, CreateBuffers(device, blocks));
  RONDE_ASSIGN_OR_RETURN(const Stream stream, Stream::Create(device, StreamPriority::kHigh));
  const StreamView view = stream.view();
  const SelfCheckKernel kernel{Words(buffers.words), Words(buffers.shifted), Words(buffers.flags),
                               kPart, kPatienceNs};
  const LaunchShape shape{blocks, 256};
  RONDE_RETURN_IF_ERROR(
      device.FillZero(buffers.flags.data(), buffers.flags.size_bytes(), view.native));
  RONDE_RETURN_IF_ERROR(device.kind() == DeviceKind::kCuda
                            ? LaunchSelfCheckCuda(view, shape, kernel)
                            : LaunchSimulated(view, shape, kernel));
  RONDE_RETURN_IF_ERROR(device.Copy(buffers.result.data(), buffers.shifted.data(),
                                    buffers.result.size_bytes(), view.native));
  RONDE_RETURN_IF_ERROR(device.Synchronize(view.native, deadline));
  return CheckResult(device, Words(buffers.result), blocks);
}

}  // namespace ronde
