#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "core/base/memory_place.h"
#include "core/base/tensor_view.h"
#include "core/base/types.h"
#include "core/control/message.h"

namespace ronde {

/// An allreduce of one tensor over all ranks, as its caller says it.
struct AllreduceCall {
  const std::string& name;
  const TensorView& input;
  const TensorView& output;
  ReduceOp op = ReduceOp::kSum;
  double prescale = 1;
  double postscale = 1;
  MemoryPlace input_place;
  MemoryPlace output_place;
};

/// What a request says, where it is such an allreduce in host memory, to be compared with a call:
/// a request spreads over many lines of the cache, and this does not. Its name is not in it.
class RepeatedAllreduce {
 public:
  RepeatedAllreduce() = default;
  /// Matches nothing where `request` is anything else.
  explicit RepeatedAllreduce(const Request& request);

  /// Whether `call` asks for the same, and with buffers that need no check.
  [[nodiscard]] bool Matches(const AllreduceCall& call) const;

 private:
  static constexpr std::size_t kMostDimensions = 5;

  [[nodiscard]] bool IsShape(const Shape& shape) const;

  bool valid_ = false;
  DataType dtype_ = DataType::kFloat32;
  ReduceOp op_ = ReduceOp::kSum;
  std::uint8_t dimensions_ = 0;
  std::array<std::int64_t, kMostDimensions> shape_{};
  double prescale_ = 1;
  double postscale_ = 1;
  MemoryPlace input_place_;
  MemoryPlace output_place_;
};

}  // namespace ronde
