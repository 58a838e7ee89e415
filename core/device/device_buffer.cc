#include "core/device/device_buffer.h"

namespace ronde {

Result<DeviceBuffer> DeviceBuffer::Create(Device& device, std::size_t size_bytes, Place place) {
  if (size_bytes == 0) return DeviceBuffer();
  Result<void*> memory =
      place == Place::kPinned ? device.AllocatePinned(size_bytes) : device.Allocate(size_bytes);
  if (!memory.ok()) return memory.status();
  return DeviceBuffer(device, memory.value(), size_bytes, place);
}

DeviceBuffer& DeviceBuffer::operator=(DeviceBuffer&& other) noexcept {
  if (this == &other) return *this;
  Reset();
  device_ = std::exchange(other.device_, nullptr);
  data_ = std::exchange(other.data_, nullptr);
  size_bytes_ = std::exchange(other.size_bytes_, 0);
  place_ = other.place_;
  return *this;
}

void DeviceBuffer::Reset() {
  if (data_ == nullptr) return;
  if (place_ == Place::kPinned) {
    device_->FreePinned(data_);
  } else {
    device_->Free(data_);
  }
  device_ = nullptr;
  data_ = nullptr;
  size_bytes_ = 0;
}

}  // namespace ronde
