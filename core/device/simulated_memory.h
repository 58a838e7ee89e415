#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>

namespace ronde {

/// Host memory in the role of a device's: counted, bounded, found by any address inside. Fresh
/// memory holds rubbish; freed memory is overwritten and kept back for a while, so that late reads
/// and writes show. Thread rule: thread-safe; guarded by its mutex.
class SimulatedMemory {
 public:
  struct Block {
    std::byte* begin = nullptr;
    std::size_t size_bytes = 0;
  };
  static constexpr std::byte kFresh{0xc5};
  static constexpr std::byte kFreed{0xdd};

  explicit SimulatedMemory(std::size_t limit_bytes) : limit_bytes_(limit_bytes) {}
  ~SimulatedMemory();
  SimulatedMemory(const SimulatedMemory&) = delete;
  SimulatedMemory& operator=(const SimulatedMemory&) = delete;

  /// Null when the limit or the machine's memory does not hold it.
  [[nodiscard]] void* Allocate(std::size_t size_bytes);
  void Free(void* memory);
  /// The block that holds the address.
  [[nodiscard]] std::optional<Block> Find(const void* address) const;
  [[nodiscard]] std::size_t used_bytes() const;
  [[nodiscard]] std::size_t limit_bytes() const { return limit_bytes_; }

 private:
  void ReleaseOldest();

  const std::size_t limit_bytes_;
  mutable std::mutex mutex_;
  std::map<std::uintptr_t, std::size_t> blocks_;  // begin -> size
  std::size_t used_bytes_ = 0;
  std::deque<Block> freed_;
  std::size_t freed_bytes_ = 0;
};

}  // namespace ronde
