#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "core/base/status.h"

namespace ronde {

/// Where blocks of any size lie that follow one another in a buffer. Borrows the sizes; places are
/// bytes.
class BlockLayout {
 public:
  /// `sizes` in units of `unit_bytes`, every `stride`-th of them counts.
  explicit BlockLayout(std::span<const std::int64_t> sizes, std::size_t unit_bytes = 1,
                       std::size_t stride = 1)
      : sizes_(sizes), unit_bytes_(unit_bytes), stride_(stride) {}

  [[nodiscard]] std::size_t size(int block) const {
    return static_cast<std::size_t>(sizes_[static_cast<std::size_t>(block) * stride_]) *
           unit_bytes_;
  }
  [[nodiscard]] std::size_t begin(int block) const {
    std::size_t bytes = 0;
    for (int lower = 0; lower < block; ++lower) bytes += size(lower);
    return bytes;
  }
  [[nodiscard]] std::size_t total() const { return begin(blocks()); }
  [[nodiscard]] std::size_t largest() const {
    std::size_t bytes = 0;
    for (int block = 0; block < blocks(); ++block) bytes = std::max(bytes, size(block));
    return bytes;
  }
  /// The block of a buffer that is laid out like this.
  template <typename Byte>
  [[nodiscard]] std::span<Byte> of(Byte* buffer, int block) const {
    return {buffer + begin(block), size(block)};
  }

 private:
  [[nodiscard]] int blocks() const {
    return static_cast<int>((sizes_.size() + stride_ - 1) / stride_);
  }

  std::span<const std::int64_t> sizes_;
  std::size_t unit_bytes_;
  std::size_t stride_;
};

/// kInvalidArgument unless there are `expected` sizes, none below 0.
[[nodiscard]] Status CheckBlockSizes(std::string_view collective,
                                     std::span<const std::int64_t> sizes, std::size_t expected);

}  // namespace ronde
