#include "tensor_fusion/pack.h"

#include <cstring>

namespace ronde {

std::size_t PackedSizeOf(std::span<const PackedTensor> tensors) {
  std::size_t packed_bytes = 0;
  for (const PackedTensor& tensor : tensors) packed_bytes += PackedSize(tensor.size_bytes);
  return packed_bytes;
}

std::size_t FitTogether(std::span<const PackedTensor> tensors, std::size_t limit_bytes) {
  std::size_t count = 1;
  std::size_t packed_bytes = PackedSize(tensors.front().size_bytes);
  while (count < tensors.size()) {
    packed_bytes += PackedSize(tensors[count].size_bytes);
    if (packed_bytes > limit_bytes) break;
    ++count;
  }
  return count;
}

std::byte* FindPacked(std::span<const PackedTensor> tensors) {
  std::byte* begin = nullptr;
  std::byte* expected = nullptr;
  for (const PackedTensor& tensor : tensors) {
    if (tensor.size_bytes == 0) continue;
    auto* const output = static_cast<std::byte*>(tensor.output);
    const std::size_t packed_bytes = PackedSize(tensor.size_bytes);
    if (begin == nullptr) begin = expected = output;
    if (tensor.input != output || output != expected) return nullptr;
    if (tensor.padding_bytes < packed_bytes - tensor.size_bytes) return nullptr;
    expected += packed_bytes;
  }
  return begin;
}

void Pack(std::span<const PackedTensor> tensors, std::byte* buffer) {
  for (const PackedTensor& tensor : tensors) {
    if (tensor.size_bytes == 0) continue;
    const std::size_t packed_bytes = PackedSize(tensor.size_bytes);
    std::memcpy(buffer, tensor.input, tensor.size_bytes);
    std::memset(buffer + tensor.size_bytes, 0, packed_bytes - tensor.size_bytes);
    buffer += packed_bytes;
  }
}

void Unpack(std::span<const PackedTensor> tensors, const std::byte* buffer) {
  for (const PackedTensor& tensor : tensors) {
    if (tensor.size_bytes == 0) continue;
    std::memcpy(tensor.output, buffer, tensor.size_bytes);
    buffer += PackedSize(tensor.size_bytes);
  }
}

}  // namespace ronde
