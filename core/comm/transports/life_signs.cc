#include "core/comm/transports/life_signs.h"

namespace ronde {
namespace {

// A look this late, in parts of the patience, means that this rank did not run meanwhile.
constexpr std::int64_t kLateLook = 2;

}  // namespace

LifeSigns::LifeSigns(int peers, std::int64_t patience_ns, std::int64_t now_ns)
    : patience_ns_(patience_ns), looked_ns_(now_ns), seen_(peers, Seen{.changed_ns = now_ns}) {}

void LifeSigns::Saw(int peer, std::uint64_t counter, std::int64_t now_ns) {
  Seen& seen = seen_[peer];
  if (counter == seen.counter) return;
  seen.counter = counter;
  seen.changed_ns = now_ns;
}

std::optional<LifeSigns::Silence> LifeSigns::Longest(std::int64_t now_ns) {
  const bool late = now_ns - looked_ns_ > patience_ns_ / kLateLook;
  looked_ns_ = now_ns;
  if (late) {
    for (Seen& seen : seen_) seen.changed_ns = now_ns;
    return std::nullopt;
  }
  std::optional<Silence> longest;
  for (int peer = 0; peer < static_cast<int>(seen_.size()); ++peer) {
    const std::int64_t lasted_ns = now_ns - seen_[peer].changed_ns;
    if (seen_[peer].left || lasted_ns <= patience_ns_) continue;
    if (!longest || lasted_ns > longest->lasted_ns) longest = Silence{peer, lasted_ns};
  }
  return longest;
}

}  // namespace ronde
