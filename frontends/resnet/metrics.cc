#include "frontends/resnet/metrics.h"

#include <array>

namespace ronde {

Result<MetricSums> SumOverRanks(Session& session, const std::string& name, const MetricSums& mine) {
  std::array<double, 3> sums = {mine.loss, mine.correct, mine.images};
  const TensorView view(sums.data(), DataType::kFloat64, {static_cast<std::int64_t>(sums.size())});
  RONDE_RETURN_IF_ERROR(session.AllreduceAsync(name, view, view, {ReduceOp::kSum}).Wait());
  return MetricSums{sums[0], sums[1], sums[2]};
}

}  // namespace ronde
