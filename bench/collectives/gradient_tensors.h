#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "bench/collectives/collective.h"
#include "core/base/status.h"

namespace ronde::bench {

/// What one training step reduces: the gradients of a model, all of one type.
struct GradientSet {
  std::vector<std::int64_t> counts;  ///< elements of each tensor
  DataType dtype = DataType::kFloat32;
  ReduceOp op = ReduceOp::kAverage;

  [[nodiscard]] std::size_t SizeBytes(std::size_t tensor) const {
    return static_cast<std::size_t>(counts[tensor]) * SizeOf(dtype);
  }
  /// Of all tensors, without padding.
  [[nodiscard]] std::int64_t TotalCount() const;
  /// Of all tensors, each padded as for a fusion buffer.
  [[nodiscard]] std::size_t PackedBytes() const;
  /// The reduction of one of `count` elements, in place, without buffers.
  [[nodiscard]] CollectiveCall CallFor(std::int64_t count) const;
};

/// Memory of the tensors of a set, which must outlive it.
class GradientTensors {
 public:
  /// Each in an allocation of its own, as a framework allocates them; or all in one, behind one
  /// another as they would be packed, the padding zero. Errors: kUnavailable (no memory).
  [[nodiscard]] static Result<GradientTensors> Separate(const GradientSet& set);
  [[nodiscard]] static Result<GradientTensors> Packed(const GradientSet& set);
  /// Packed, in memory of set.PackedBytes() zeros from elsewhere.
  [[nodiscard]] static GradientTensors PackedIn(const GradientSet& set,
                                                std::shared_ptr<std::byte> memory);

  [[nodiscard]] std::byte* at(std::size_t tensor) const { return tensors_[tensor]; }
  /// Bytes behind a tensor that belong to nobody else.
  [[nodiscard]] std::size_t padding_bytes(std::size_t tensor) const;

  /// Values that depend on rank and index; and how many elements are not their reduction by
  /// `op`.
  void Fill(int rank) const;
  [[nodiscard]] std::int64_t CountWrong(ReduceOp op, int rank, int ranks) const;

 private:
  GradientTensors(const GradientSet& set, bool packed) : set_(&set), packed_(packed) {}

  const GradientSet* set_;
  bool packed_;
  std::vector<std::shared_ptr<std::byte>> memory_;
  std::vector<std::byte*> tensors_;
};

}  // namespace ronde::bench
