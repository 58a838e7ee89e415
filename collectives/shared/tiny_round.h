#pragma once

#include <cstddef>
#include <cstdint>

#include "collectives/collective_context.h"
#include "collectives/shared/one_host.h"
#include "collectives/shared/shared_channel.h"
#include "core/base/status.h"

namespace ronde {

/// One round among the ranks of a host in which each shows all others a few bytes, in the flag
/// lines of the shared channel. Lives in the context's scratch.
class TinyRound {
 public:
  /// Whether so many bytes fit.
  [[nodiscard]] static bool Takes(std::size_t size_bytes) {
    return size_bytes <= SharedChannel::kTinyBytes;
  }

  /// `size_bytes`: what each rank shows; equal on all ranks.
  TinyRound(CollectiveContext& context, std::size_t size_bytes)
      : context_(context), size_bytes_(size_bytes) {
    const auto ranks = static_cast<std::size_t>(context.size());
    const std::size_t pointers_bytes = RoundUp(PointerScratch::SizeFor(ranks));
    std::byte* const scratch =
        context.Scratch(pointers_bytes + RoundUp(ranks * size_bytes) + size_bytes);
    pointers_ = PointerScratch(scratch, ranks);
    gathered_ = scratch + pointers_bytes;
    mine_ = gathered_ + RoundUp(ranks * size_bytes);
  }

  /// To be filled with what this rank shows; aligned to a cache line, as is that of rank 0.
  [[nodiscard]] std::byte* mine() const { return mine_; }
  Status Run() {
    return context_.shared_channel()->Exchange(mine_, size_bytes_, gathered_,
                                               context_.NewDeadline());
  }
  /// What `rank` has shown.
  [[nodiscard]] std::byte* of(int rank) const {
    return gathered_ + static_cast<std::size_t>(rank) * size_bytes_;
  }
  /// Room for the operands and results of one ReduceToAll, one per rank.
  [[nodiscard]] const PointerScratch& pointers() const { return pointers_; }

 private:
  static std::size_t RoundUp(std::size_t size_bytes) { return (size_bytes + 63) / 64 * 64; }

  CollectiveContext& context_;
  std::size_t size_bytes_;
  PointerScratch pointers_;
  std::byte* gathered_;
  std::byte* mine_;
};

}  // namespace ronde
