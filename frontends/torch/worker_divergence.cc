#include "frontends/torch/worker_divergence.h"

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <optional>

#include "frontends/torch/tree_sum.h"

namespace ronde {
namespace {

// Independent partial sums, so that additions need not wait for each other.
constexpr std::size_t kLanes = 16;

template <typename T>
double Divergence(const T* before, const T* mean, std::size_t count) {
  std::array<double, kLanes> moved = {};
  std::array<double, kLanes> length = {};
  const auto add = [&](std::size_t lane, std::size_t i) {
    const auto m = static_cast<double>(mean[i]);
    const double d = static_cast<double>(before[i]) - m;
    moved[lane] += d * d;
    length[lane] += m * m;
  };
  std::size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) add(lane, i + lane);
  }
  for (std::size_t lane = 0; i < count; ++i, ++lane) add(lane, i);
  const double moved_sum = std::accumulate(moved.begin(), moved.end(), 0.0);
  if (moved_sum == 0) return 0;
  return std::sqrt(moved_sum / std::accumulate(length.begin(), length.end(), 0.0));
}

}  // namespace

double RelativeDistance(const at::Tensor& own, const at::Tensor& mean) {
  if (!mean.device().is_cpu()) return RelativeDistanceTensor(own, mean).item<double>();
  const torch::NoGradGuard no_grad;
  const auto count = static_cast<std::size_t>(mean.numel());
  if (mean.scalar_type() == at::kDouble) {
    return Divergence(own.const_data_ptr<double>(), mean.const_data_ptr<double>(), count);
  }
  const at::Tensor wide_own = own.to(at::kFloat);  // itself unless the type is a 16-bit one
  const at::Tensor wide_mean = mean.to(at::kFloat);
  return Divergence(wide_own.const_data_ptr<float>(), wide_mean.const_data_ptr<float>(), count);
}

at::Tensor RelativeDistanceTensor(const at::Tensor& own, const at::Tensor& mean) {
  if (mean.device().is_cpu()) return at::scalar_tensor(RelativeDistance(own, mean), at::kDouble);
  const torch::NoGradGuard no_grad;
  const at::Tensor moved = at::linalg_vector_norm(own - mean, 2, std::nullopt, false, at::kDouble);
  const at::Tensor length = at::linalg_vector_norm(mean, 2, std::nullopt, false, at::kDouble);
  return at::where(moved == 0, moved, moved / length);
}

void WorkerDivergence::Remember() {
  const torch::NoGradGuard no_grad;
  const at::Tensor& weights = workers_.weights(0);
  if (!first_before_.defined()) first_before_ = at::empty_like(weights);
  first_before_.copy_(weights);
}

at::Tensor WorkerDivergence::Measure() {
  const at::Tensor& mean = workers_.weights(0);
  TreeSum sum;  // so that the logged figure, too, does not depend on who plays which worker
  for (int worker = 0; worker < workers_.count(); ++worker) {
    const at::Tensor& own = worker == 0 ? first_before_ : workers_.weights(worker);
    sum.Add(RelativeDistanceTensor(own, mean));
  }
  return sum.Finish() / workers_.count();
}

}  // namespace ronde
