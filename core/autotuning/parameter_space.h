#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/autotuning/autotuner.h"
#include "core/control/tunables.h"

namespace ronde {

/// A point of the space: for each dimension the number of its level.
using SpacePoint = std::vector<std::size_t>;

/// What the autotuner may choose from: a grid with a few levels for each tunable, on a logarithmic
/// scale, to which the default's own value is added. Tunables that are left alone have no
/// dimension. A value; thread-safe once made.
class ParameterSpace {
 public:
  ParameterSpace(const Tunables& defaults, const AutotuneOptions& options);

  [[nodiscard]] std::size_t dimensions() const { return dimensions_.size(); }
  [[nodiscard]] std::size_t levels(std::size_t dimension) const {
    return dimensions_[dimension].levels.size();
  }
  /// How many points there are: at least 1.
  [[nodiscard]] std::uint64_t size() const;
  [[nodiscard]] const SpacePoint& default_point() const { return default_point_; }
  [[nodiscard]] Tunables At(const SpacePoint& point) const;
  /// Each in [0, 1], levels evenly spaced.
  [[nodiscard]] std::vector<double> Coordinates(const SpacePoint& point) const;

 private:
  enum class Tunable { kFusionThreshold, kCycleTime, kChunk, kOneShot, kHierarchical };
  struct Dimension {
    Tunable tunable;
    std::vector<double> levels;  // ascending
  };
  /// `levels` and `default_value`, or no dimension where these are one level only.
  void Add(Tunable tunable, std::vector<double> levels, double default_value);

  Tunables defaults_;
  std::vector<Dimension> dimensions_;
  SpacePoint default_point_;
};

}  // namespace ronde
