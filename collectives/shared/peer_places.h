#pragma once

#include <cstddef>

#include "collectives/shared/shared_channel.h"

namespace ronde {

/// Cuts every slot of a channel into one place for each peer, so that in a round a rank hands each
/// peer bytes of its own.
class PeerPlaces {
 public:
  explicit PeerPlaces(const SharedChannel& channel)
      : ranks_(channel.size()),
        place_bytes_(channel.slot_bytes() / static_cast<std::size_t>(channel.size() - 1) /
                     kLineBytes * kLineBytes) {}

  /// Bytes of a place: a multiple of a cache line, which is a whole number of elements of any type;
  /// 0 where there are too many peers for the slot.
  [[nodiscard]] std::size_t place_bytes() const { return place_bytes_; }
  /// Where in the slot of `from` the bytes for `to` begin.
  [[nodiscard]] std::size_t begin(int from, int to) const {
    return static_cast<std::size_t>((to - from - 1 + ranks_) % ranks_) * place_bytes_;
  }

 private:
  static constexpr std::size_t kLineBytes = 64;
  int ranks_;
  std::size_t place_bytes_;
};

}  // namespace ronde
