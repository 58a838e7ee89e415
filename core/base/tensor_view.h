#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "core/base/types.h"

namespace ronde {

class Device;
class Event;

/// A borrowed, contiguous tensor in the memory of the host or of a device. The owner keeps `data`
/// alive until the operation that it was given to has completed.
struct TensorView {
  void* data = nullptr;
  DataType dtype = DataType::kFloat32;
  Shape shape;
  /// Bytes behind the values that the owner lends along with them. They hold values, best zeros,
  /// and operations may change them. What is padded to multiples of 64 bytes and lies one behind
  /// the other in the order of submission can be fused where it lies; by default nothing is lent.
  std::size_t padding_bytes = 0;
  /// Whose memory `data` is; null: the host's.
  Device* device = nullptr;
  /// Of a device's memory: the values are there after this event; null: they are there now.
  std::shared_ptr<const Event> ready;

  TensorView() = default;
  TensorView(void* data_in, DataType dtype_in, Shape shape_in)
      : data(data_in), dtype(dtype_in), shape(std::move(shape_in)) {}

  [[nodiscard]] std::int64_t count() const { return ElementCount(shape); }
  [[nodiscard]] std::size_t size_bytes() const {
    return static_cast<std::size_t>(count()) * SizeOf(dtype);
  }
};

}  // namespace ronde
