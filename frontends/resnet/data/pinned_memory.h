#pragma once

#include <cstddef>
#include <map>
#include <memory_resource>
#include <mutex>

#include "core/device/device.h"

namespace ronde {

/// Host memory that a device copies from without staging. What is given back is kept for the next
/// that asks for as much, because pinning takes about a second per gigabyte: an epoch's loader gets
/// the last one's. Throws std::bad_alloc. Thread rule: thread-safe; guarded by mutex_.
class PinnedMemory final : public std::pmr::memory_resource {
 public:
  /// `device` must outlive this, and this all that it has given.
  explicit PinnedMemory(Device& device) : device_(device) {}
  ~PinnedMemory() override;

 private:
  void* do_allocate(std::size_t size_bytes, std::size_t alignment) override;
  void do_deallocate(void* memory, std::size_t size_bytes, std::size_t alignment) override;
  [[nodiscard]] bool do_is_equal(const memory_resource& other) const noexcept override {
    return this == &other;
  }

  Device& device_;
  std::mutex mutex_;
  std::multimap<std::size_t, void*> kept_;  // by size
};

}  // namespace ronde
