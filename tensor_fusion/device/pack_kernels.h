#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "core/base/status.h"
#include "core/base/types.h"
#include "core/device/device.h"
#include "tensor_fusion/pack.h"

namespace ronde {

/// How a batch's elements are held. The two types are equal, or one is float32 and the other
/// float16 or bfloat16.
struct PackFormat {
  DataType tensor_dtype = DataType::kFloat32;
  DataType packed_dtype = DataType::kFloat32;
  double scale = 1;  ///< applied on the way; 1 for integers
};

/// Pack and Unpack of tensor_fusion/pack.h for device memory, many tensors in one launch. The
/// layout is the same: each tensor begins on a multiple of kPackAlignmentBytes and its padding is
/// zero. PackedTensor::size_bytes is the size in tensor_dtype; in the buffer a tensor takes
/// PackedSize() of its size in packed_dtype. Where both are equal and nothing is scaled, bytes are
/// copied.
///
/// Scaling multiplies in the type that reductions accumulate in (float32 for 16-bit types) and
/// rounds once, to nearest even.
///
/// They give work to a stream and return; the tensors' memory must live until it is done, the span
/// need not. `buffer` is aligned to 16 bytes, tensors as their elements. Errors: kInvalidArgument
/// for formats other than those above, kInternal with the driver's words where a launch fails.
/// Thread rule: thread-safe, immutable.
class PackKernels {
 public:
  virtual ~PackKernels() = default;

  /// Cost: one launch for every 2,048 tensors (or 32 GiB); each byte is read once and written
  /// once.
  virtual Status Pack(StreamView stream, std::span<const PackedTensor> tensors, std::byte* buffer,
                      const PackFormat& format) = 0;
  virtual Status Unpack(StreamView stream, std::span<const PackedTensor> tensors,
                        const std::byte* buffer, const PackFormat& format) = 0;
};

/// Error: kUnavailable for a CUDA device in a build without CUDA.
[[nodiscard]] Result<std::unique_ptr<PackKernels>> CreatePackKernels(Device& device);

}  // namespace ronde
