#include "tensor_fusion/device/stand_in_memory.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace ronde {

Result<StandInMemory::Buffers> StandInMemory::Reserve(StreamView stream, std::size_t size_bytes) {
  if (buffers_.zeros != nullptr && buffers_.zeros->size_bytes() >= size_bytes) return buffers_;
  const std::size_t capacity = std::bit_ceil(std::max<std::size_t>(size_bytes, 4096));
  Device& device = *stream.device;
  RONDE_ASSIGN_OR_RETURN(DeviceBuffer zeros, DeviceBuffer::Create(device, capacity));
  RONDE_ASSIGN_OR_RETURN(DeviceBuffer room, DeviceBuffer::Create(device, capacity));
  RONDE_RETURN_IF_ERROR(device.FillZero(zeros.data(), capacity, stream.native));
  buffers_ = {std::make_shared<DeviceBuffer>(std::move(zeros)),
              std::make_shared<DeviceBuffer>(std::move(room))};
  return buffers_;
}

}  // namespace ronde
