#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace ronde {

/// Who has given no sign of life for too long. Each peer shows a counter that it raises while its
/// thread works; how the counters get here is the caller's affair.
///
/// Whoever looks may have been stopped itself, as when a whole job is suspended from a terminal:
/// after a look that comes late, everybody's time starts again.
/// Thread rule: one thread. Times are nanoseconds of one steady clock.
class LifeSigns {
 public:
  /// `peers` are counted from 0; their time starts at `now_ns`.
  LifeSigns(int peers, std::int64_t patience_ns, std::int64_t now_ns);

  /// What `peer` shows now. A peer that has left in order is no longer waited for.
  void Saw(int peer, std::uint64_t counter, std::int64_t now_ns);
  void Left(int peer) { seen_[peer].left = true; }

  struct Silence {
    int peer = 0;
    std::int64_t lasted_ns = 0;
  };
  /// The peer that has been silent longest, if that is longer than the patience. To be called after
  /// Saw(), several times within the patience.
  [[nodiscard]] std::optional<Silence> Longest(std::int64_t now_ns);

 private:
  struct Seen {
    std::uint64_t counter = 0;
    std::int64_t changed_ns = 0;
    bool left = false;
  };

  std::int64_t patience_ns_;
  std::int64_t looked_ns_;
  std::vector<Seen> seen_;
};

}  // namespace ronde
