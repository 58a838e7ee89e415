#include "core/autotuning/point_search.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "core/autotuning/gaussian_process.h"

namespace ronde {
namespace {

using Kind = AutotunePoint::Kind;

constexpr std::size_t kRandomCandidates = 500;
constexpr int kHypercubes = 32;        // of which the one whose points are farthest apart is taken
constexpr double kWorthwhile = 0.001;  // share of the score below which looking on is a waste
constexpr std::size_t kLeastModelPoints = 6;
constexpr double kLeastScore = 1e-9;  // what has a logarithm

// What is believed of the scores, which it standardises.
class Model {
 public:
  Model(const ParameterSpace& space, const std::vector<SpacePoint>& points,
        const std::vector<double>& scores)
      : space_(space), process_(Fit(points, scores)) {
    double best_mean = -INFINITY;
    for (std::size_t i = 0; i < scores.size(); ++i) {
      const double mean = Predict(points[i]).mean;
      if (mean <= best_mean) continue;
      best_mean = mean;
      best_ = i;
    }
  }

  // Standardised.
  GaussianProcess::Prediction Predict(const SpacePoint& point) const {
    return process_.Predict(space_.Coordinates(point));
  }
  // Which of the points has the greatest mean.
  std::size_t best() const { return best_; }
  // What 1 stands for in a prediction.
  double deviation() const { return deviation_; }

 private:
  GaussianProcess Fit(const std::vector<SpacePoint>& points, const std::vector<double>& scores) {
    const auto count = static_cast<double>(scores.size());
    const double mean = std::accumulate(scores.begin(), scores.end(), 0.0) / count;
    double squares = 0;
    for (const double score : scores) squares += (score - mean) * (score - mean);
    // Where all are alike any scale will do.
    if (squares > 0) deviation_ = std::sqrt(squares / count);
    std::vector<std::vector<double>> coordinates;
    std::vector<double> values;
    for (std::size_t i = 0; i < scores.size(); ++i) {
      coordinates.push_back(space_.Coordinates(points[i]));
      values.push_back((scores[i] - mean) / deviation_);
    }
    return GaussianProcess::Fit(coordinates, values);
  }

  const ParameterSpace& space_;
  double deviation_ = 1;  // before process_, whose making sets it
  GaussianProcess process_;
  std::size_t best_ = 0;
};

double SquaredDistance(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return sum;
}

}  // namespace

PointSearch::PointSearch(const ParameterSpace& space, const AutotuneOptions& options)
    : space_(space),
      bayes_points_(static_cast<std::size_t>(options.bayes_points)),
      random_(options.seed) {
  SpreadSamples(static_cast<std::size_t>(options.sample_points));
}

// Not std::uniform_int_distribution, whose numbers differ between standard libraries.
std::size_t PointSearch::RandomBelow(std::size_t bound) { return random_() % bound; }

void PointSearch::SpreadSamples(std::size_t count) {
  double best_distance = -1;
  for (int attempt = 0; attempt < kHypercubes; ++attempt) {
    std::vector<SpacePoint> points(count, SpacePoint(space_.dimensions()));
    for (std::size_t dimension = 0; dimension < space_.dimensions(); ++dimension) {
      std::vector<std::size_t> strata(count);
      std::iota(strata.begin(), strata.end(), std::size_t{0});
      for (std::size_t i = count; i > 1; --i) std::swap(strata[i - 1], strata[RandomBelow(i)]);
      for (std::size_t i = 0; i < count; ++i) {
        points[i][dimension] = (2 * strata[i] + 1) * space_.levels(dimension) / (2 * count);
      }
    }
    double least = INFINITY;
    for (std::size_t i = 0; i < count; ++i) {
      const std::vector<double> mine = space_.Coordinates(points[i]);
      for (std::size_t j = 0; j < i; ++j) {
        least = std::min(least, SquaredDistance(mine, space_.Coordinates(points[j])));
      }
    }
    if (least <= best_distance) continue;
    best_distance = least;
    samples_ = std::move(points);
  }
}

bool PointSearch::Tried(const SpacePoint& point) const {
  return std::find(tried_.begin(), tried_.end(), point) != tried_.end();
}

std::optional<PointSearch::Proposal> PointSearch::Next() {
  const auto propose = [this](SpacePoint point, Kind kind) {
    tried_.push_back(point);
    return Proposal{std::move(point), kind};
  };
  if (tried_.empty()) return propose(space_.default_point(), Kind::kDefault);
  if (tried_.size() >= space_.size()) return std::nullopt;
  while (!samples_.empty()) {
    SpacePoint point = std::move(samples_.back());
    samples_.pop_back();
    if (!Tried(point)) return propose(std::move(point), Kind::kSample);
  }
  if (proposed_by_model_ >= bayes_points_) return std::nullopt;
  std::optional<SpacePoint> point = MostPromising();
  if (!point) return std::nullopt;
  ++proposed_by_model_;
  return propose(*std::move(point), Kind::kBayes);
}

void PointSearch::Tell(double score) {
  log_scores_.push_back(std::log(std::max(score, kLeastScore)));
}

void PointSearch::AddNeighbours(const SpacePoint& centre,
                                std::vector<SpacePoint>& candidates) const {
  for (std::size_t dimension = 0; dimension < space_.dimensions(); ++dimension) {
    for (std::size_t level = 0; level < space_.levels(dimension); ++level) {
      SpacePoint& point = candidates.emplace_back(centre);
      point[dimension] = level;
    }
  }
}

std::vector<SpacePoint> PointSearch::Candidates(const SpacePoint& best) {
  std::vector<SpacePoint> candidates;
  AddNeighbours(best, candidates);
  AddNeighbours(space_.default_point(), candidates);
  for (std::size_t i = 0; i < kRandomCandidates; ++i) {
    SpacePoint& point = candidates.emplace_back(space_.dimensions());
    for (std::size_t dimension = 0; dimension < space_.dimensions(); ++dimension) {
      point[dimension] = RandomBelow(space_.levels(dimension));
    }
  }
  std::erase_if(candidates, [this](const SpacePoint& point) { return Tried(point); });
  return candidates;
}

std::optional<SpacePoint> PointSearch::MostPromising() {
  const Model model(space_, tried_, log_scores_);
  const SpacePoint& best = tried_[model.best()];
  const double best_mean = model.Predict(best).mean;
  std::optional<SpacePoint> most;
  double most_improvement = -1;
  for (SpacePoint& candidate : Candidates(best)) {
    const double improvement = ExpectedImprovement(model.Predict(candidate), best_mean);
    if (improvement <= most_improvement) continue;
    most_improvement = improvement;
    most = std::move(candidate);
  }
  // Logarithms: a difference is a share.
  const bool worthwhile = most_improvement * model.deviation() >= kWorthwhile;
  if (!worthwhile && proposed_by_model_ >= kLeastModelPoints) return std::nullopt;
  return most;
}

SpacePoint PointSearch::Best() const { return tried_[Model(space_, tried_, log_scores_).best()]; }

}  // namespace ronde
