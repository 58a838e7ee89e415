#pragma once

#include <cstdint>
#include <string>

#include "bench/collectives/measurement.h"
#include "bench/collectives/options.h"

namespace ronde::bench {

/// The heading of the table, in the style that the options ask for, with peers' columns.
[[nodiscard]] std::string TableHeading(const BenchOptions& options, int ranks);
[[nodiscard]] std::string TableLine(const BenchOptions& options, const Row& row);

/// One JSON object without a newline. Top-level figures are out of place; `in_place` holds the
/// others, null where the collective has none. `peers` maps each supported peer to its figures.
[[nodiscard]] std::string JsonLine(const Row& row);

/// What the end of a table says, over all its rows.
class Footer {
 public:
  void Add(const Row& row);
  [[nodiscard]] std::int64_t wrong() const { return wrong_; }
  /// Of peers, which are checked too: a time for another result would be no comparison.
  [[nodiscard]] std::int64_t peers_wrong() const { return peers_wrong_; }
  [[nodiscard]] std::string Text() const;

 private:
  std::int64_t wrong_ = 0;
  std::int64_t peers_wrong_ = 0;
  double bus_bandwidths_ = 0;
  int timings_ = 0;
};

}  // namespace ronde::bench
