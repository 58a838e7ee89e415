#include "collectives/device/kernels/device_kernels.h"

#include <algorithm>

#include "collectives/device/kernels/create_kernels.h"
#include "core/base/strcat.h"

namespace ronde {
namespace {

// What a block of 512 threads moves at once, in vectors of 16 bytes.
constexpr std::int64_t kBlockBytes = 512 * 16;
// Some 2 MiB of loads under way, with those that threads have beside each other: more than a link
// of 450 GB/s and two microseconds holds. The rest of the device is for the computation beside it.
constexpr std::int64_t kMostBlocks = 32;

int BlocksFor(std::int64_t size_bytes) {
  const std::int64_t blocks = (size_bytes + kBlockBytes - 1) / kBlockBytes;
  return static_cast<int>(std::clamp<std::int64_t>(blocks, 1, kMostBlocks));
}

Status CheckCommon(ReduceOp op, std::int64_t count, int inputs) {
  if (!IsElementwise(op)) {
    return Status::InvalidArgument(
        StrCat("device kernels reduce element by element; ", Name(op), " does not"));
  }
  if (count < 0 || inputs < 1 || inputs > kMaxPeers) {
    return Status::InvalidArgument(StrCat("a device kernel reduces 1 to ", kMaxPeers,
                                          " inputs; got ", inputs, " of ", count, " elements"));
  }
  return Status::Ok();
}

}  // namespace

int BlocksForOneShot(std::int64_t size_bytes) { return BlocksFor(size_bytes); }

int BlocksForTwoShot(std::int64_t size_bytes, int ranks) {
  return BlocksFor((size_bytes + ranks - 1) / ranks);
}

Status DeviceKernels::Check(const PeerReduction& call) {
  RONDE_RETURN_IF_ERROR(CheckCommon(call.op, call.count, call.sync.ranks));
  if (call.blocks >= 1 && call.blocks <= kMaxPeerBlocks) return Status::Ok();
  return Status::InvalidArgument(
      StrCat("a kernel among peers runs on 1 to ", kMaxPeerBlocks, " blocks; got ", call.blocks));
}

Status DeviceKernels::Check(const InputReduction& call) {
  return CheckCommon(call.op, call.count, call.input_count);
}

Status DeviceKernels::Scale(StreamView stream, DataType dtype, const void* input, void* output,
                            std::int64_t count, double factor) {
  if (input == output && factor == 1) return Status::Ok();
  InputReduction call = {.dtype = dtype,
                         .scaling = {.prescale = factor},
                         .count = count,
                         .input_count = 1,
                         .output = output};
  call.inputs[0] = input;
  return ReduceInputs(stream, call);
}

Result<std::unique_ptr<DeviceKernels>> CreateDeviceKernels(Device& device) {
  if (device.kind() == DeviceKind::kCuda) return CreateCudaKernels(device);
  return CreateSimulatedKernels(device);
}

}  // namespace ronde
