#include "collectives/shared/registered_memory.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "core/base/available_memory.h"
#include "core/base/log.h"
#include "core/base/strcat.h"

namespace ronde {
namespace {

constexpr std::size_t kPageBytes = 4096;

Result<std::shared_ptr<std::byte>> AllocatePrivate(std::size_t size_bytes) {
  if (const std::uint64_t free_bytes = AvailableMemoryBytes(); size_bytes > free_bytes) {
    return Status::Unavailable(StrCat("cannot allocate ", size_bytes, " bytes of memory: only ",
                                      free_bytes, " bytes are available"));
  }
  auto* const data = static_cast<std::byte*>(std::aligned_alloc(kPageBytes, size_bytes));
  if (data == nullptr) {
    return Status::Unavailable(StrCat("cannot allocate ", size_bytes, " bytes of memory"));
  }
  std::memset(data, 0, size_bytes);
  return std::shared_ptr<std::byte>(data, [](std::byte* memory) { std::free(memory); });
}

}  // namespace

Result<std::shared_ptr<std::byte>> RegisteredMemory::Allocate(Transport& local,
                                                              std::size_t size_bytes,
                                                              Deadline deadline) {
  const std::int64_t number = ++last_number_;
  const std::size_t pages = std::max<std::size_t>(1, (size_bytes + kPageBytes - 1) / kPageBytes);
  if (local.size() == 1) return AllocatePrivate(pages * kPageBytes);
  Result<SharedSegment> created = SharedSegment::Create(local, pages * kPageBytes, deadline);
  if (!created.ok()) {
    if (created.status().code() != StatusCode::kUnavailable) return created.status();
    Log(LogLevel::kInfo, "registered memory is ordinary memory: ", created.status().message());
    return AllocatePrivate(pages * kPageBytes);
  }
  const auto segment = std::make_shared<SharedSegment>(std::move(created).value());
  std::byte* const data = segment->part(local.rank());
  const std::lock_guard lock(mutex_);
  blocks_.push_back({number, segment, data, pages * kPageBytes});
  Tidy();
  return std::shared_ptr<std::byte>(segment, data);
}

void RegisteredMemory::Tidy() {
  std::erase_if(blocks_, [](const Block& block) { return block.segment.expired(); });
  const std::byte* lowest = nullptr;
  const std::byte* highest = nullptr;
  for (const Block& block : blocks_) {
    if (lowest == nullptr || block.begin < lowest) lowest = block.begin;
    highest = std::max(highest, block.begin + block.size_bytes);
  }
  lowest_.store(lowest, std::memory_order_relaxed);
  highest_.store(highest, std::memory_order_relaxed);
}

MemoryPlace RegisteredMemory::Find(const void* data, std::size_t size_bytes) const {
  const auto* const bytes = static_cast<const std::byte*>(data);
  if (bytes < lowest_.load(std::memory_order_relaxed) ||
      bytes >= highest_.load(std::memory_order_relaxed)) {
    return {};
  }
  const std::lock_guard lock(mutex_);
  for (const Block& block : blocks_) {
    if (bytes < block.begin || bytes >= block.begin + block.size_bytes) continue;
    const auto offset = static_cast<std::size_t>(bytes - block.begin);
    if (size_bytes > block.size_bytes - offset || block.segment.expired()) continue;
    return {block.number, static_cast<std::int64_t>(offset)};
  }
  return {};
}

std::shared_ptr<const SharedSegment> RegisteredMemory::Segment(const MemoryPlace& place) const {
  const std::lock_guard lock(mutex_);
  for (const Block& block : blocks_) {
    if (block.number == place.block) return block.segment.lock();
  }
  return nullptr;
}

void RegisteredMemory::Detach() {
  const std::lock_guard lock(mutex_);
  for (const Block& block : blocks_) {
    if (const auto segment = block.segment.lock()) segment->Detach();
  }
  blocks_.clear();
  Tidy();
}

}  // namespace ronde
