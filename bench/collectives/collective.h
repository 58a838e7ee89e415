#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "core/base/memory_place.h"
#include "core/base/types.h"

namespace ronde::bench {

enum class Collective { kAllreduce, kAllgather, kReducescatter, kBroadcast, kAlltoall, kSendrecv };

/// Names as on the command line, in the order of the enumeration.
[[nodiscard]] std::span<const std::string_view> CollectiveNames();
[[nodiscard]] std::string_view Name(Collective collective);
[[nodiscard]] std::optional<Collective> ParseCollective(std::string_view name);

[[nodiscard]] constexpr bool Reduces(Collective collective) {
  return collective == Collective::kAllreduce || collective == Collective::kReducescatter;
}
[[nodiscard]] constexpr bool HasRoot(Collective collective) {
  return collective == Collective::kBroadcast;
}
/// An exchange cannot overwrite what it still has to send.
[[nodiscard]] constexpr bool RunsInPlace(Collective collective) {
  return collective != Collective::kAlltoall && collective != Collective::kSendrecv;
}

/// How many elements a rank gives and gets. As in nccl-tests, a size is that of the larger side,
/// and blocks of 16 bytes or more are whole multiples of 16 bytes; unlike there, no block is empty.
struct Layout {
  std::int64_t count = 0;  ///< the count argument of the call: a block where there are blocks
  std::int64_t input_count = 0;
  std::int64_t output_count = 0;
  std::int64_t size_bytes = 0;  ///< of the larger side
};
[[nodiscard]] Layout LayoutOf(Collective collective, std::int64_t size_bytes, DataType dtype,
                              int ranks);

/// What the size is multiplied by to get the bytes that the slowest link carries, so that figures
/// compare with the hardware's. Source: nccl-tests, doc/PERFORMANCE.md.
[[nodiscard]] double BusFactor(Collective collective, int ranks);

/// One call as every rank sees it. All fields but the pointers are equal on all ranks.
struct CollectiveCall {
  Collective collective = Collective::kAllreduce;
  /// Out of place: a buffer of its own. In place: inside `output` (allgather: its own block) or
  /// around it (reducescatter: `output` is its own block of it).
  const void* input = nullptr;
  void* output = nullptr;
  Layout layout;
  DataType dtype = DataType::kFloat32;
  ReduceOp op = ReduceOp::kSum;
  int root = 0;
  bool in_place = false;
  MemoryPlace input_place = {};
  MemoryPlace output_place = {};

  [[nodiscard]] std::size_t InputBytes() const {
    return static_cast<std::size_t>(layout.input_count) * SizeOf(dtype);
  }
  [[nodiscard]] std::size_t OutputBytes() const {
    return static_cast<std::size_t>(layout.output_count) * SizeOf(dtype);
  }
  [[nodiscard]] std::int64_t BlockBytes() const {
    return layout.count * static_cast<std::int64_t>(SizeOf(dtype));
  }
};

}  // namespace ronde::bench
