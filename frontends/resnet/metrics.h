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

  MetricSums& operator+=(const MetricSums& other) {
    loss += other.loss;
    correct += other.correct;
    images += other.images;
    return *this;
  }
  [[nodiscard]] double mean_loss() const { return images > 0 ? loss / images : 0; }
  [[nodiscard]] double top1() const { return images > 0 ? correct / images : 0; }
};

/// The sum in the canonical binary-tree order over workers: see TreeSum in frontends/torch.
[[nodiscard]] MetricSums AddUp(std::vector<MetricSums> by_worker);

inline constexpr int kTopFive = 5;

/// The figures of an evaluation: also how often the right class is among the five best, and how
/// often each class is recognised.
struct ValidationSums {
  ValidationSums(int classes, std::int64_t batches)
      : batch_losses(static_cast<std::size_t>(batches)),
        class_correct(static_cast<std::size_t>(classes)),
        class_images(static_cast<std::size_t>(classes)) {}

  MetricSums all;
  /// Summed over images, by batch of all ranks: all.loss is their sum in this order, so that its
  /// bits do not depend on which rank evaluates which batch.
  std::vector<double> batch_losses;
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

/// Collective: the same in one message of 3 + batches + 2 x classes doubles. Every rank has as
/// many batches and classes.
[[nodiscard]] Result<ValidationSums> SumOverRanks(Session& session, const std::string& name,
                                                  const ValidationSums& mine);

/// Collective: the mean over `mine` and over all ranks, on every rank; as many figures on each, at
/// least one. Errors: those of an allreduce.
[[nodiscard]] Result<double> MeanOverRanks(Session& session, const std::string& name,
                                           std::vector<double> mine);

}  // namespace ronde
