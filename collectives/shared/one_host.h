#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "collectives/collective_context.h"
#include "core/base/memory_place.h"
#include "core/base/status.h"
#include "core/comm/shared_segment.h"

namespace ronde {

/// What is copied at a time between ranks where one source has several targets: it stays in the
/// first level of cache until the last of them has it.
inline constexpr std::size_t kPieceBytes = 8 << 10;

/// Whether all ranks are on one host and exchange through its channel.
[[nodiscard]] bool OneHostSharesMemory(CollectiveContext& context);

/// Room for the operands and results of one ReduceToAll, one per rank.
struct PointerScratch {
  std::span<const void*> operands;
  std::span<void*> results;

  PointerScratch() = default;
  /// In the context's scratch.
  explicit PointerScratch(CollectiveContext& context)
      : PointerScratch(context.Scratch(SizeFor(static_cast<std::size_t>(context.size()))),
                       static_cast<std::size_t>(context.size())) {}
  /// In SizeFor(ranks) bytes at `memory`.
  PointerScratch(std::byte* memory, std::size_t ranks)
      : operands(reinterpret_cast<const void**>(memory), ranks),
        results(reinterpret_cast<void**>(memory) + ranks, ranks) {}
  [[nodiscard]] static constexpr std::size_t SizeFor(std::size_t ranks) {
    return 2 * ranks * sizeof(void*);
  }
};

/// A part of a buffer, in bytes.
struct ByteRange {
  std::size_t begin = 0;
  std::size_t end = 0;
  [[nodiscard]] std::size_t size() const { return end - begin; }
};

/// The part of `total` bytes that `rank` takes on: whole cache lines, so that no two ranks write to
/// one, in equal numbers but for the last ranks. `skew`: how far into a line the buffer begins.
[[nodiscard]] ByteRange ShareOf(std::size_t total, int rank, int ranks, std::size_t skew = 0);

/// Whether a form that works where `size_bytes` lie in registered memory is the faster one: it
/// takes a second step, but a form that goes through slots copies the bytes once more. Equal on all
/// ranks.
[[nodiscard]] bool WorthSecondStep(CollectiveContext& context, std::size_t size_bytes);

/// Whether results are to be written past the cache, because `working_set_bytes` (of all ranks
/// together) do not fit into it. Equal on all ranks.
[[nodiscard]] bool ExceedsCache(CollectiveContext& context, std::size_t working_set_bytes);

/// One buffer as it lies in the registered memory of every rank; the context must outlive it.
class RegisteredBuffer {
 public:
  /// kInternal when the memory has been given back.
  [[nodiscard]] static Result<RegisteredBuffer> Find(CollectiveContext& context,
                                                     const MemoryPlace& place,
                                                     std::string_view collective);

  [[nodiscard]] std::byte* of(int rank) const {
    return segment_->part((*parts_)[static_cast<std::size_t>(rank)]) + offset_;
  }

 private:
  RegisteredBuffer(std::shared_ptr<const SharedSegment> segment, const std::vector<int>& parts,
                   std::int64_t offset)
      : segment_(std::move(segment)), parts_(&parts), offset_(offset) {}

  std::shared_ptr<const SharedSegment> segment_;
  const std::vector<int>* parts_;  // by rank: which part is its own
  std::int64_t offset_;
};

}  // namespace ronde
