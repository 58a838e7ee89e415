#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <vector>

#include "core/autotuning/autotune_sink.h"
#include "core/autotuning/parameter_space.h"

namespace ronde {

/// Which point of a space to try next: the default, then a Latin hypercube, then those of which a
/// Gaussian process expects the greatest improvement. No point is tried twice. Deterministic for a
/// seed. Cost: a proposal of the last kind takes less than a millisecond.
/// Thread rule: engine-only.
/// Source: McKay, Beckman & Conover, Technometrics 21(2), 1979; Snoek et al., NIPS 2012.
class PointSearch {
 public:
  struct Proposal {
    SpacePoint point;
    AutotunePoint::Kind kind;
  };

  /// `space` must outlive the search.
  PointSearch(const ParameterSpace& space, const AutotuneOptions& options);

  /// Nothing when the search is over: enough points, all of the space, or no more to be expected.
  [[nodiscard]] std::optional<Proposal> Next();
  /// What the last proposal has scored; more is better, by ratio.
  void Tell(double score);

  /// Of what has been tried and told, that of the greatest expected score, which is less the toy of
  /// chance than the greatest score. The space has a dimension.
  [[nodiscard]] SpacePoint Best() const;

 private:
  void SpreadSamples(std::size_t count);
  [[nodiscard]] std::optional<SpacePoint> MostPromising();
  [[nodiscard]] std::vector<SpacePoint> Candidates(const SpacePoint& best);
  /// All points that differ from `centre` in one dimension.
  void AddNeighbours(const SpacePoint& centre, std::vector<SpacePoint>& candidates) const;
  [[nodiscard]] bool Tried(const SpacePoint& point) const;
  [[nodiscard]] std::size_t RandomBelow(std::size_t bound);

  const ParameterSpace& space_;
  const std::size_t bayes_points_;
  std::mt19937_64 random_;
  std::vector<SpacePoint> samples_;  // still to be tried, last first
  std::vector<SpacePoint> tried_;
  std::vector<double> log_scores_;  // of tried_
  std::size_t proposed_by_model_ = 0;
};

}  // namespace ronde
