#include "core/autotuning/parameter_space.h"

#include <algorithm>
#include <utility>

namespace ronde {
namespace {

constexpr double kKiB = 1024;
constexpr double kMiB = 1024 * kKiB;

// min, 2 min, 4 min, ... up to max.
std::vector<double> Doublings(double min, double max) {
  std::vector<double> levels;
  for (double level = min; level <= max; level *= 2) levels.push_back(level);
  return levels;
}

}  // namespace

ParameterSpace::ParameterSpace(const Tunables& defaults, const AutotuneOptions& options)
    : defaults_(defaults) {
  if (options.tunes_fusion_threshold) {
    std::vector<double> levels = Doublings(64 * kKiB, 256 * kMiB);
    levels.push_back(0);
    Add(Tunable::kFusionThreshold, std::move(levels),
        static_cast<double>(defaults.fusion_threshold_bytes));
  }
  if (options.tunes_cycle_time) {
    Add(Tunable::kCycleTime, {0, 0.05, 0.1, 0.2, 0.5, 1, 2, 5}, defaults.cycle_time_ms);
  }
  if (options.tunes_chunk) {
    Add(Tunable::kChunk, Doublings(32 * kKiB, static_cast<double>(options.largest_chunk_bytes)),
        static_cast<double>(defaults.chunk_bytes));
  }
  if (options.tunes_one_shot) {
    Add(Tunable::kOneShot, Doublings(4 * kKiB, 256 * kKiB),
        static_cast<double>(defaults.one_shot_bytes));
  }
  if (options.several_hosts) Add(Tunable::kHierarchical, {0, 1}, defaults.hierarchical ? 1 : 0);
}

void ParameterSpace::Add(Tunable tunable, std::vector<double> levels, double default_value) {
  levels.push_back(default_value);
  std::sort(levels.begin(), levels.end());
  levels.erase(std::unique(levels.begin(), levels.end()), levels.end());
  if (levels.size() < 2) return;
  const auto at = std::lower_bound(levels.begin(), levels.end(), default_value);
  default_point_.push_back(static_cast<std::size_t>(at - levels.begin()));
  dimensions_.push_back({tunable, std::move(levels)});
}

std::uint64_t ParameterSpace::size() const {
  std::uint64_t points = 1;
  for (const Dimension& dimension : dimensions_) points *= dimension.levels.size();
  return points;
}

Tunables ParameterSpace::At(const SpacePoint& point) const {
  Tunables tunables = defaults_;
  for (std::size_t i = 0; i < dimensions_.size(); ++i) {
    const double level = dimensions_[i].levels[point[i]];
    switch (dimensions_[i].tunable) {
      case Tunable::kFusionThreshold:
        tunables.fusion_threshold_bytes = static_cast<std::int64_t>(level);
        break;
      case Tunable::kCycleTime:
        tunables.cycle_time_ms = level;
        break;
      case Tunable::kChunk:
        tunables.chunk_bytes = static_cast<std::int64_t>(level);
        break;
      case Tunable::kOneShot:
        tunables.one_shot_bytes = static_cast<std::int64_t>(level);
        break;
      case Tunable::kHierarchical:
        tunables.hierarchical = level != 0;
        break;
    }
  }
  return tunables;
}

std::vector<double> ParameterSpace::Coordinates(const SpacePoint& point) const {
  std::vector<double> coordinates;
  for (std::size_t i = 0; i < dimensions_.size(); ++i) {
    coordinates.push_back(static_cast<double>(point[i]) /
                          static_cast<double>(dimensions_[i].levels.size() - 1));
  }
  return coordinates;
}

}  // namespace ronde
