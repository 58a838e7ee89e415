#pragma once

#include <cstdint>

#include "core/device/space.h"

namespace ronde {

/// Elements [begin, end).
struct ElementRange {
  std::int64_t begin = 0;
  std::int64_t end = 0;
  RONDE_DEVICE_CODE std::int64_t size() const { return end - begin; }
  friend bool operator==(const ElementRange&, const ElementRange&) = default;
};

/// Parts begin on multiples of this many bytes from the beginning of the whole, a line of the
/// device's cache: parts of two writers never share one, and vectors fit into them.
inline constexpr std::int64_t kPartBytes = 128;
RONDE_DEVICE_CODE std::int64_t PartGrain(std::int64_t element_bytes) {
  return kPartBytes / element_bytes;
}

/// The `part`-th of `parts` parts of `whole`, one behind the other, as even as multiples of `grain`
/// elements allow; only the last that is not empty may be no multiple. Serves the ranks' shards,
/// the blocks' ranges in them, and the chunks of a pipeline. A pure function.
///
///     |<------------------ whole ------------------->|
///     |  part 0  |   part 1   |  part 2  |  part 3 .|       each a multiple of the grain
///
RONDE_DEVICE_CODE ElementRange PartOf(const ElementRange& whole, int parts, int part,
                                      std::int64_t grain) {
  const std::int64_t grains = (whole.size() + grain - 1) / grain;
  const std::int64_t begin = whole.begin + grains * part / parts * grain;
  const std::int64_t end = whole.begin + grains * (part + 1) / parts * grain;
  return {begin < whole.end ? begin : whole.end, end < whole.end ? end : whole.end};
}

/// What rank `rank` reduces in a two-shot.
RONDE_DEVICE_CODE ElementRange ShardOf(std::int64_t count, std::int64_t element_bytes, int ranks,
                                       int rank) {
  return PartOf({0, count}, ranks, rank, PartGrain(element_bytes));
}

/// What a block takes of `range`, which begins on a multiple of the grain.
RONDE_DEVICE_CODE ElementRange BlockPartOf(const ElementRange& range, std::int64_t element_bytes,
                                           int blocks, int block) {
  return PartOf(range, blocks, block, PartGrain(element_bytes));
}

/// How many chunks of about `chunk_bytes` a pipeline cuts `size_bytes` into: at least one, so that
/// all ranks take part in it.
[[nodiscard]] constexpr int ChunksOf(std::int64_t size_bytes, std::int64_t chunk_bytes) {
  const std::int64_t chunks = (size_bytes + chunk_bytes - 1) / chunk_bytes;
  return chunks < 1 ? 1 : static_cast<int>(chunks);
}

}  // namespace ronde
