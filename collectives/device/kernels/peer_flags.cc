#include "collectives/device/kernels/peer_flags.h"

#include <atomic>

namespace ronde {
namespace {

std::uint64_t Load(const std::uint64_t& word, std::memory_order order) {
  return std::atomic_ref(const_cast<std::uint64_t&>(word)).load(order);
}

}  // namespace

FaultRecord FindFault(const FaultRecord* faults) {
  FaultRecord found;
  for (int block = 0; block < kMaxPeerBlocks; ++block) {
    const FaultRecord& record = faults[block];
    const std::uint64_t kind = Load(record.kind, std::memory_order_acquire);
    if (kind == static_cast<std::uint64_t>(DeviceFaultKind::kNone)) continue;
    constexpr auto kOrder = std::memory_order_relaxed;
    found = {kind, Load(record.block, kOrder), Load(record.peer, kOrder),
             Load(record.expected, kOrder), Load(record.seen, kOrder)};
    // An abort often follows from a timeout, and says less.
    if (kind == static_cast<std::uint64_t>(DeviceFaultKind::kTimeout)) break;
  }
  return found;
}

}  // namespace ronde
