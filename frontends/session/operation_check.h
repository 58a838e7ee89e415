#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/base/status.h"
#include "core/base/tensor_view.h"

namespace ronde {

// What only this rank can see to be wrong. Everything that travels in the request (shape, root,
// scales, window) is left to the negotiation, so that all ranks learn of it and none waits in vain.
// All return kInvalidArgument naming the operation and what is wrong.

/// Types and an operator that exist: no others can be sent.
Status CheckTypes(const std::string& name, const TensorView& input, const TensorView& output,
                  ReduceOp op);
Status CheckTensor(const std::string& name, const TensorView& tensor);
Status CheckAllreduce(const std::string& name, const TensorView& input, const TensorView& output,
                      ReduceOp op);
/// A grouped allreduce. Members may differ in type.
Status CheckGroup(const std::string& name, const std::vector<TensorView>& inputs,
                  const std::vector<TensorView>& outputs, ReduceOp op);
/// At least one input, and as many outputs.
Status CheckGroupSize(const std::string& name, std::size_t inputs, std::size_t outputs);

/// A Request::objection to these buffers, for operations that write `output_shape`; empty where
/// there is none. Types must exist.
[[nodiscard]] std::string ObjectionTo(const TensorView& input, const TensorView& output,
                                      const Shape& output_shape);

/// Whether a size can be taken of a tensor that nobody has checked, and that size.
[[nodiscard]] bool IsCountable(const TensorView& tensor, std::int64_t& size_bytes);

/// The same to buffers that share memory, unless they do so as an operation in place does: then
/// `output` begins `apart_bytes` behind `input`. No objection where sizes cannot be counted.
[[nodiscard]] std::string ObjectionToOverlap(const TensorView& input, const TensorView& output,
                                             std::int64_t apart_bytes = 0);
/// Whether buffers of these sizes share memory.
[[nodiscard]] inline bool Overlap(const void* a, std::int64_t a_bytes, const void* b,
                                  std::int64_t b_bytes) {
  const auto* const begin_a = static_cast<const std::byte*>(a);
  const auto* const begin_b = static_cast<const std::byte*>(b);
  return begin_a < begin_b + b_bytes && begin_b < begin_a + a_bytes && a_bytes > 0 && b_bytes > 0;
}

/// The same to where they lie: both are in the memory of the host, or both in that of one device.
[[nodiscard]] std::string ObjectionToMemories(const TensorView& input, const TensorView& output);
/// "host memory", "the memory of cuda:0".
[[nodiscard]] std::string MemoryName(const Device* device);

/// The same to `size_bytes` of memory for each of a host's `ranks`, which the host cannot give.
[[nodiscard]] std::string ObjectionToMemory(std::size_t size_bytes, int ranks);

}  // namespace ronde
