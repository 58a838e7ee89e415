#pragma once

#include <cstddef>
#include <span>

namespace ronde {

/// Every tensor starts on a cache line of the fusion buffer, so that kernels stay aligned.
inline constexpr std::size_t kPackAlignmentBytes = 64;

/// Bytes that a tensor of `size_bytes` takes in the fusion buffer.
[[nodiscard]] constexpr std::size_t PackedSize(std::size_t size_bytes) {
  return (size_bytes + kPackAlignmentBytes - 1) / kPackAlignmentBytes * kPackAlignmentBytes;
}

/// One tensor of a batch. The pointers may be equal, and null when size_bytes is 0. The batch may
/// also read and write `padding_bytes` behind the output.
struct PackedTensor {
  const void* input = nullptr;
  void* output = nullptr;
  std::size_t size_bytes = 0;
  std::size_t padding_bytes = 0;
};

/// Bytes that `tensors` take in the fusion buffer, one behind the other.
[[nodiscard]] std::size_t PackedSizeOf(std::span<const PackedTensor> tensors);

/// How many of the first `tensors` fit into `limit_bytes` of it together: at least one.
[[nodiscard]] std::size_t FitTogether(std::span<const PackedTensor> tensors,
                                      std::size_t limit_bytes);

/// Where the batch lies in memory exactly as Pack would lay it out, so that it can be reduced
/// there: every input is its output, the next tensor follows at PackedSize, and all padding in
/// between and behind the last is lent, since it may belong to somebody else. Null where it does
/// not, and for a batch without elements. This is a choice of this rank alone: others may pack the
/// same batch.
[[nodiscard]] std::byte* FindPacked(std::span<const PackedTensor> tensors);

/// Copies the inputs behind one another into `buffer`, each padded with zeros to its PackedSize:
/// the padding takes part in the reduction and must hold valid, harmless values.
void Pack(std::span<const PackedTensor> tensors, std::byte* buffer);

/// Copies the tensors from where Pack has put them to their outputs.
void Unpack(std::span<const PackedTensor> tensors, const std::byte* buffer);

}  // namespace ronde
