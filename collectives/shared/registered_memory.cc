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

// Whether all of these bytes lie in `block`, which has a beginning and a size.
template <typename Block>
bool Contains(const Block& block, const std::byte* bytes, std::size_t size_bytes) {
  if (bytes < block.begin || bytes >= block.begin + block.size_bytes) return false;
  return size_bytes <= block.size_bytes - static_cast<std::size_t>(bytes - block.begin);
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
  blocks_.push_back(
      {.number = number, .segment = segment, .begin = data, .size_bytes = pages * kPageBytes});
  Tidy();
  return std::shared_ptr<std::byte>(data, [held = segment, version = version_](std::byte*) mutable {
    version->store(NewVersion(), std::memory_order_relaxed);
    held.reset();
  });
}

std::uint64_t RegisteredMemory::NewVersion() {
  static std::atomic<std::uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
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
  thread_local LastFound last;
  const std::uint64_t version = version_->load(std::memory_order_relaxed);
  if (last.version != version || !Contains(last, bytes, size_bytes)) {
    const std::lock_guard lock(mutex_);
    const auto found = std::find_if(blocks_.begin(), blocks_.end(), [&](const Block& block) {
      return Contains(block, bytes, size_bytes) && !block.detached && !block.segment.expired();
    });
    if (found == blocks_.end()) return {};
    last = {version, found->number, found->begin, found->size_bytes};
  }
  return {last.number, bytes - last.begin};
}

std::shared_ptr<const SharedSegment> RegisteredMemory::Segment(const MemoryPlace& place) const {
  const std::lock_guard lock(mutex_);
  for (const Block& block : blocks_) {
    if (block.number == place.block) return block.segment.lock();
  }
  return nullptr;
}

void RegisteredMemory::Detach(const MemoryPlace& place, std::size_t size_bytes) {
  const std::lock_guard lock(mutex_);
  for (Block& block : blocks_) {
    if (block.number != place.block) continue;
    version_->store(NewVersion(), std::memory_order_relaxed);
    block.detached = true;
    if (const auto segment = block.segment.lock()) {
      segment->Detach(static_cast<std::size_t>(place.offset), size_bytes);
    }
  }
}

}  // namespace ronde
