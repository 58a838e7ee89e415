#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/status.h"
#include "frontends/session/session.h"

namespace ronde {

/// Sums over images; figures of several workers add up without padding or weighting.
struct MetricSums {
  double loss = 0;
  double correct = 0;
  double images = 0;

  [[nodiscard]] double mean_loss() const { return images > 0 ? loss / images : 0; }
  [[nodiscard]] double top1() const { return images > 0 ? correct / images : 0; }
};

inline constexpr int kTopFive = 5;

/// The figures of an evaluation: also how often the right class is among the five best, and how
/// often each class is recognised.
struct ValidationSums {
  explicit ValidationSums(int classes)
      : class_correct(static_cast<std::size_t>(classes)),
        class_images(static_cast<std::size_t>(classes)) {}

  MetricSums all;
  double correct_top5 = 0;
  std::vector<double> class_correct;  ///< by label
  std::vector<double> class_images;   ///< by label

  [[nodiscard]] bool has_top5() const { return class_images.size() > kTopFive; }
  /// Empty where it would be 1 whatever the model says: at most five classes.
  [[nodiscard]] std::optional<double> top5() const;
  /// By label; empty for a class without images.
  [[nodiscard]] std::vector<std::optional<double>> per_class() const;
};

/// Collective: the sums over all ranks, on every rank. Errors: those of an allreduce.
[[nodiscard]] Result<MetricSums> SumOverRanks(Session& session, const std::string& name,
                                              const MetricSums& mine);

/// Collective: the same in one message of 4 + 2 x classes doubles. Every rank has as many classes.
[[nodiscard]] Result<ValidationSums> SumOverRanks(Session& session, const std::string& name,
                                                  const ValidationSums& mine);

/// Collective: the mean of one figure over all ranks, on every rank. Errors: those of an allreduce.
[[nodiscard]] Result<double> MeanOverRanks(Session& session, const std::string& name, double mine);

}  // namespace ronde
