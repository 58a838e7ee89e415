#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "core/base/types.h"

namespace ronde {

/// A borrowed, contiguous tensor in host memory. The owner keeps `data` alive until the operation
/// that it was given to has completed.
struct TensorView {
  void* data = nullptr;
  DataType dtype = DataType::kFloat32;
  Shape shape;

  TensorView() = default;
  TensorView(void* data_in, DataType dtype_in, Shape shape_in)
      : data(data_in), dtype(dtype_in), shape(std::move(shape_in)) {}

  [[nodiscard]] std::int64_t count() const { return ElementCount(shape); }
  [[nodiscard]] std::size_t size_bytes() const {
    return static_cast<std::size_t>(count()) * SizeOf(dtype);
  }
};

}  // namespace ronde
