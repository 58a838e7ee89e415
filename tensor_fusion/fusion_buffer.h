#pragma once

#include <array>
#include <cstddef>
#include <cstdlib>
#include <memory>

#include "core/base/types.h"

namespace ronde {

/// Staging memory for batches, one storage per dtype. Grows to the largest batch and is kept for
/// life: the steady state neither allocates nor faults pages in. Thread rule: engine-only.
class FusionBuffer {
 public:
  /// At least `size_bytes`, aligned to a page. Contents are undefined; valid until the next call
  /// for the same dtype. Throws std::bad_alloc.
  [[nodiscard]] std::byte* Acquire(DataType dtype, std::size_t size_bytes);
  [[nodiscard]] std::size_t capacity_bytes(DataType dtype) const {
    return storage_[static_cast<std::size_t>(dtype)].capacity_bytes;
  }

 private:
  struct Free {
    void operator()(std::byte* data) const { std::free(data); }
  };
  struct Storage {
    std::unique_ptr<std::byte, Free> data;
    std::size_t capacity_bytes = 0;
  };
  std::array<Storage, kDataTypeCount> storage_;
};

}  // namespace ronde
