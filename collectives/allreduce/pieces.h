#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <span>

#include "collectives/allreduce/algorithm.h"
#include "collectives/shared/stream_copy.h"

namespace ronde {

/// The inputs and outputs of an allreduce as one row of bytes, be they one tensor or several:
/// algorithms that stage data anyway gather from and scatter to the tensors themselves, and nothing
/// is packed. Gaps between pieces are left alone. Borrows the arguments.
class Pieces {
 public:
  explicit Pieces(const AllreduceArguments& arguments)
      : whole_{arguments.input, arguments.output, 0,
               static_cast<std::size_t>(arguments.count) * SizeOf(arguments.dtype)},
        pieces_(arguments.pieces.empty() ? std::span(&whole_, 1) : arguments.pieces) {}
  Pieces(const Pieces&) = delete;
  Pieces& operator=(const Pieces&) = delete;

  /// visit(input, output, offset from `begin`, size) for every part of a piece that lies in
  /// [begin, begin + size_bytes), in order.
  template <typename Visit>
  void ForEach(std::size_t begin, std::size_t size_bytes, const Visit& visit) const {
    if (pieces_.data() == &whole_) {  // nothing to look for
      if (begin >= whole_.size_bytes || size_bytes == 0) return;
      visit(static_cast<const std::byte*>(whole_.input) + begin,
            static_cast<std::byte*>(whole_.output) + begin, std::size_t{0},
            std::min(size_bytes, whole_.size_bytes - begin));
      return;
    }
    const std::size_t end = begin + size_bytes;
    const auto after = [](std::size_t at, const AllreducePiece& piece) {
      return at < piece.begin + piece.size_bytes;
    };
    auto piece = std::upper_bound(pieces_.begin(), pieces_.end(), begin, after);
    for (; piece != pieces_.end() && piece->begin < end; ++piece) {
      const std::size_t from = std::max(begin, piece->begin);
      const std::size_t to = std::min(end, piece->begin + piece->size_bytes);
      if (from == to) continue;
      const std::size_t offset = from - piece->begin;
      visit(static_cast<const std::byte*>(piece->input) + offset,
            static_cast<std::byte*>(piece->output) + offset, from - begin, to - from);
    }
  }

  /// Copies the inputs in [begin, begin + size_bytes) to `to`.
  void Gather(std::size_t begin, std::size_t size_bytes, std::byte* to) const {
    ForEach(begin, size_bytes,
            [to](const std::byte* input, std::byte*, std::size_t at, std::size_t size) {
              std::memcpy(to + at, input, size);
            });
  }
  /// Copies `from` to the outputs in [begin, begin + size_bytes); see CopyBytes.
  void Scatter(std::size_t begin, std::size_t size_bytes, const std::byte* from,
               bool streams) const {
    ForEach(begin, size_bytes,
            [&](const std::byte*, std::byte* output, std::size_t at, std::size_t size) {
              CopyBytes(output, from + at, size, streams);
            });
  }

 private:
  AllreducePiece whole_;
  std::span<const AllreducePiece> pieces_;
};

}  // namespace ronde
