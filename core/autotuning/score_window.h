#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ronde {

/// Cuts what a rank executes into windows of whole iterations and scores each: payload bytes per
/// second during which something was outstanding. An iteration is what passes until a name comes
/// again. Thread rule: engine-only.
class ScoreWindow {
 public:
  ScoreWindow(int iterations, std::int64_t outstanding_ns)
      : iterations_needed_(iterations), ns_needed_(outstanding_ns) {}

  /// Forgets what has been counted and skips this many iterations, besides the one that runs.
  void Restart(int warmup_iterations);

  /// For each operation of a list, before AddList; without it each list is an iteration.
  void AddOperation(std::string_view name);
  /// The score in bytes per second of the window that ended before this list, if one did; the next
  /// one has begun.
  std::optional<double> AddList(std::uint64_t payload_bytes, std::int64_t begin_ns,
                                std::int64_t end_ns);

 private:
  bool BeginsIteration();
  std::optional<double> EndIteration();

  int iterations_needed_;
  std::int64_t ns_needed_;

  std::string marker_;  // the name whose return begins an iteration
  std::string first_name_;
  int operations_ = 0;  // since the marker was seen
  bool named_ = false;  // the list at hand has names
  bool marked_ = false;

  int skip_ = 0;  // iterations that are still to begin before it counts
  int iterations_ = 0;
  std::uint64_t payload_bytes_ = 0;
  std::int64_t outstanding_ns_ = 0;
  std::int64_t counted_until_ns_ = INT64_MIN;
};

}  // namespace ronde
