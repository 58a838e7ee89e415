#include "frontends/resnet/metrics.h"

#include <algorithm>
#include <array>
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

Result<MetricSums> SumOverRanks(Session& session, const std::string& name, const MetricSums& mine) {
  std::array<double, 3> sums = {mine.loss, mine.correct, mine.images};
  RONDE_RETURN_IF_ERROR(SumInPlace(session, name, sums));
  return MetricSums{sums[0], sums[1], sums[2]};
}

Result<ValidationSums> SumOverRanks(Session& session, const std::string& name,
                                    const ValidationSums& mine) {
  std::vector<double> sums = {mine.all.loss, mine.all.correct, mine.all.images, mine.correct_top5};
  const std::size_t head = sums.size();
  const std::size_t classes = mine.class_images.size();
  sums.insert(sums.end(), mine.class_correct.begin(), mine.class_correct.end());
  sums.insert(sums.end(), mine.class_images.begin(), mine.class_images.end());
  RONDE_RETURN_IF_ERROR(SumInPlace(session, name, sums));

  ValidationSums total(static_cast<int>(classes));
  total.all = {sums[0], sums[1], sums[2]};
  total.correct_top5 = sums[3];
  std::copy_n(sums.data() + head, classes, total.class_correct.data());
  std::copy_n(sums.data() + head + classes, classes, total.class_images.data());
  return total;
}

Result<double> MeanOverRanks(Session& session, const std::string& name, double mine) {
  RONDE_RETURN_IF_ERROR(SumInPlace(session, name, {&mine, 1}));
  return mine / session.size();
}

}  // namespace ronde
