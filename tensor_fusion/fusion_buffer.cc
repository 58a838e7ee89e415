#include "tensor_fusion/fusion_buffer.h"

#include <algorithm>
#include <bit>
#include <new>

namespace ronde {
namespace {

constexpr std::size_t kPageBytes = 4096;

}  // namespace

std::byte* FusionBuffer::Acquire(DataType dtype, std::size_t size_bytes) {
  Storage& storage = storage_[static_cast<std::size_t>(dtype)];
  if (size_bytes > storage.capacity_bytes || storage.data == nullptr) {
    // Powers of two: batches differ in size from step to step, and must not make it grow each time.
    const std::size_t capacity = std::bit_ceil(std::max(size_bytes, kPageBytes));
    storage = Storage{};  // old contents are not kept: free first, to stay within memory
    auto* data = static_cast<std::byte*>(std::aligned_alloc(kPageBytes, capacity));
    if (data == nullptr) throw std::bad_alloc();
    storage.data.reset(data);
    storage.capacity_bytes = capacity;
  }
  return storage.data.get();
}

}  // namespace ronde
