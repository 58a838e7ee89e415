#include "core/device/simulated_memory.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace ronde {
namespace {

constexpr std::size_t kAlignment = 256;
constexpr std::size_t kKeptBackBytes = 16 << 20;
constexpr std::size_t kMarkedBytes = 1 << 20;  // of the start: large blocks are not worth the time

std::size_t RoundUp(std::size_t size_bytes) {
  return (size_bytes + kAlignment - 1) / kAlignment * kAlignment;
}

void Mark(void* memory, std::size_t size_bytes, std::byte with) {
  std::memset(memory, std::to_integer<int>(with), std::min(size_bytes, kMarkedBytes));
}

}  // namespace

SimulatedMemory::~SimulatedMemory() {
  while (!freed_.empty()) ReleaseOldest();
  for (const auto& [begin, size_bytes] : blocks_) std::free(reinterpret_cast<void*>(begin));
}

void* SimulatedMemory::Allocate(std::size_t size_bytes) {
  const std::lock_guard lock(mutex_);
  if (size_bytes > limit_bytes_ - used_bytes_) return nullptr;
  void* const memory =
      std::aligned_alloc(kAlignment, RoundUp(std::max<std::size_t>(size_bytes, 1)));
  if (memory == nullptr) return nullptr;
  Mark(memory, size_bytes, kFresh);
  blocks_[reinterpret_cast<std::uintptr_t>(memory)] = size_bytes;
  used_bytes_ += size_bytes;
  return memory;
}

void SimulatedMemory::Free(void* memory) {
  const std::lock_guard lock(mutex_);
  const auto block = blocks_.find(reinterpret_cast<std::uintptr_t>(memory));
  if (block == blocks_.end()) return;
  const std::size_t size_bytes = block->second;
  blocks_.erase(block);
  used_bytes_ -= size_bytes;
  Mark(memory, size_bytes, kFreed);
  freed_.push_back({static_cast<std::byte*>(memory), size_bytes});
  freed_bytes_ += size_bytes;
  while (freed_bytes_ > kKeptBackBytes) ReleaseOldest();
}

std::optional<SimulatedMemory::Block> SimulatedMemory::Find(const void* address) const {
  const auto wanted = reinterpret_cast<std::uintptr_t>(address);
  const std::lock_guard lock(mutex_);
  auto block = blocks_.upper_bound(wanted);
  if (block == blocks_.begin()) return std::nullopt;
  --block;
  if (wanted - block->first >= block->second) return std::nullopt;
  return Block{reinterpret_cast<std::byte*>(block->first), block->second};
}

std::size_t SimulatedMemory::used_bytes() const {
  const std::lock_guard lock(mutex_);
  return used_bytes_;
}

void SimulatedMemory::ReleaseOldest() {
  freed_bytes_ -= freed_.front().size_bytes;
  std::free(freed_.front().begin);
  freed_.pop_front();
}

}  // namespace ronde
