#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "collectives/kernels/adasum_call.h"
#include "core/base/status.h"
#include "core/base/types.h"

namespace ronde {

/// How a tensor is cut for its dot products: into at most 256 segments of equal length, the last
/// one shorter. It depends on the count alone, and sums are taken segment by segment, in order; so
/// neither the number of ranks nor chunks nor who computes what can change a bit.
class AdasumSegments {
 public:
  explicit AdasumSegments(std::int64_t count);

  [[nodiscard]] int size() const { return size_; }
  /// The first element of a segment; the count for segment size().
  [[nodiscard]] std::int64_t begin(int segment) const;
  /// The segments of `rank` are [FirstOf(rank), FirstOf(rank + 1)): some ranks may have none.
  [[nodiscard]] int FirstOf(int rank, int ranks) const;

 private:
  std::int64_t count_;
  std::int64_t elements_;
  int size_;
};

/// One rank's part of an Adasum: the same segments of all ranks' vectors.
struct AdasumPart {
  const AdasumSegments& segments;
  int first_segment = 0;
  int last_segment = 0;  ///< one past it
  DataType dtype = DataType::kFloat32;
  double prescale = 1;
  double postscale = 1;
  /// The vectors of at least two ranks in rank order, from `first_segment` on.
  std::span<const void* const> inputs;
  /// Where the result goes, from `first_segment` on; may be one of the inputs.
  void* output = nullptr;
  /// Room for inputs.size() / 2 vectors of this part, as values (AdasumValueBytes).
  std::byte* values = nullptr;
  /// Room for all segments' sums of all pairs of a level: segments.size() * (inputs.size() / 2).
  AdasumSums* sums = nullptr;

  [[nodiscard]] std::int64_t begin() const { return segments.begin(first_segment); }
  [[nodiscard]] std::int64_t count() const { return segments.begin(last_segment) - begin(); }
};

/// Bytes of an element of intermediate vectors: those of float32 for 16-bit types.
[[nodiscard]] std::size_t AdasumValueBytes(DataType dtype);

/// Reduces a part as a binary tree over the ranks, level by level (ReductionOrder::kTree). At each
/// level it writes sums[segment * pairs + pair] of its own segments, and calls `share(pairs)`,
/// which has to fill in those of the other segments.
Status ReduceAdasum(const AdasumPart& part, const std::function<Status(int pairs)>& share);

}  // namespace ronde
