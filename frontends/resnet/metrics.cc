#include "frontends/resnet/metrics.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <span>

namespace ronde {
namespace {

Status SumInPlace(Session& session, const std::string& name, std::span<double> sums) {
  const TensorView view(sums.data(), DataType::kFloat64, {static_cast<std::int64_t>(sums.size())});
  return session.AllreduceAsync(name, view, view, {ReduceOp::kSum}).Wait();
}

}  // namespace

std::optional<double> ValidationSums::top5() const {
  if (!has_top5() || all.images == 0) return std::nullopt;
  return correct_top5 / all.images;
}

std::vector<std::optional<double>> ValidationSums::per_class() const {
  std::vector<std::optional<double>> accuracies(class_images.size());
  for (std::size_t i = 0; i < accuracies.size(); ++i) {
    if (class_images[i] > 0) accuracies[i] = class_correct[i] / class_images[i];
  }
  return accuracies;
}

MetricSums AddUp(std::vector<MetricSums> by_worker) {
  if (by_worker.empty()) return {};
  while (by_worker.size() > 1) {
    const std::size_t pairs = by_worker.size() / 2;
    for (std::size_t i = 0; i < pairs; ++i) {
      by_worker[i] = by_worker[2 * i];
      by_worker[i] += by_worker[2 * i + 1];
    }
    if (by_worker.size() % 2 == 1) by_worker[pairs] = by_worker.back();
    by_worker.resize(by_worker.size() - pairs);
  }
  return by_worker.front();
}

Result<MetricSums> SumOverRanks(Session& session, const std::string& name, const MetricSums& mine) {
  std::array<double, 3> sums = {mine.loss, mine.correct, mine.images};
  RONDE_RETURN_IF_ERROR(SumInPlace(session, name, sums));
  return MetricSums{sums[0], sums[1], sums[2]};
}

Result<ValidationSums> SumOverRanks(Session& session, const std::string& name,
                                    const ValidationSums& mine) {
  std::vector<double> sums = {mine.all.correct, mine.all.images, mine.correct_top5};
  const std::size_t head = sums.size();
  for (const std::vector<double>* part :
       {&mine.batch_losses, &mine.class_correct, &mine.class_images}) {
    sums.insert(sums.end(), part->begin(), part->end());
  }
  RONDE_RETURN_IF_ERROR(SumInPlace(session, name, sums));

  ValidationSums total = mine;
  const double* at = sums.data() + head;
  for (std::vector<double>* part :
       {&total.batch_losses, &total.class_correct, &total.class_images}) {
    std::copy_n(at, part->size(), part->data());
    at += part->size();
  }
  total.all = {std::accumulate(total.batch_losses.begin(), total.batch_losses.end(), 0.0), sums[0],
               sums[1]};
  total.correct_top5 = sums[2];
  return total;
}

Result<double> MeanOverRanks(Session& session, const std::string& name, std::vector<double> mine) {
  RONDE_RETURN_IF_ERROR(SumInPlace(session, name, mine));
  // Each mean by itself before they are added up: so the bits depend on K alone, not on the ranks.
  double sum = 0;
  for (const double figure : mine) sum += figure / session.size();
  return sum / static_cast<double>(mine.size());
}

}  // namespace ronde
