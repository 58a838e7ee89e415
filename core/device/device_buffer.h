#pragma once

#include <cstddef>
#include <utility>

#include "core/device/device.h"

namespace ronde {

/// Owns memory of a device, or (Pinned) memory of the host that the device reaches. Move-only;
/// moved-from and default are null.
class DeviceBuffer {
 public:
  enum class Place { kDevice, kPinned };
  DeviceBuffer() = default;
  /// Contents undefined. A size of 0 yields a null buffer.
  [[nodiscard]] static Result<DeviceBuffer> Create(Device& device, std::size_t size_bytes,
                                                   Place place = Place::kDevice);
  ~DeviceBuffer() { Reset(); }
  DeviceBuffer(DeviceBuffer&& other) noexcept
      : device_(std::exchange(other.device_, nullptr)),
        data_(std::exchange(other.data_, nullptr)),
        size_bytes_(std::exchange(other.size_bytes_, 0)),
        place_(other.place_) {}
  DeviceBuffer& operator=(DeviceBuffer&& other) noexcept;

  [[nodiscard]] std::byte* data() const { return static_cast<std::byte*>(data_); }
  [[nodiscard]] std::size_t size_bytes() const { return size_bytes_; }
  void Reset();

 private:
  DeviceBuffer(Device& device, void* data, std::size_t size_bytes, Place place)
      : device_(&device), data_(data), size_bytes_(size_bytes), place_(place) {}
  Device* device_ = nullptr;
  void* data_ = nullptr;
  std::size_t size_bytes_ = 0;
  Place place_ = Place::kDevice;
};

}  // namespace ronde
