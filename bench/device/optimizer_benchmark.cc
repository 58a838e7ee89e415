#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <vector>

#include "bench/collectives/gradient_sizes.h"
#include "bench/device/device_array.h"
#include "bench/device/kernel_benchmarks.h"
#include "bench/device/launch_counter.h"
#include "bench/device/turns.h"
#include "core/base/strcat.h"
#include "frontends/torch/device/optimizer_kernels.h"

namespace ronde::bench {
namespace {

constexpr double kGoalPercent = 85;
constexpr std::int64_t kSgdBytes = 20;     // a weight: w, v and g read, w and v written
constexpr std::int64_t kSlowMoBytes = 24;  // u, x0 and w read and written
constexpr SgdSettings kSgd = {0.1, 0.9, 0, true};
constexpr float kWeightDecay = 1e-4F;
constexpr double kSlowMomentum = 0.5;
constexpr double kGamma = 0.1;

class OptimizerBenchmark {
 public:
  OptimizerBenchmark(const KernelOptions& options, BenchDevice& device)
      : options_(options), device_(device) {}

  // `counts`: the lengths of the stretches that one step updates.
  Status Measure(const std::vector<std::int64_t>& counts, const KernelSink& sink) {
    RONDE_RETURN_IF_ERROR(Prepare(counts));
    const std::vector<DeviceWork> works = {[this] {
                                             return device_.device().Copy(
                                                 copy_target_.get(), copy_source_.get(),
                                                 copy_bytes_, device_.stream().native);
                                           },
                                           [this] { return Sgd(); }, [this] { return SlowMo(); },
                                           [this] {
                                             RONDE_RETURN_IF_ERROR(Sgd());
                                             return SlowMo();
                                           }};
    RONDE_ASSIGN_OR_RETURN(const std::vector<double> times_us,
                           TimeInTurns(device_, works, options_.rounds, options_.batch_us));
    const double us_per_byte = times_us[0] / (2 * static_cast<double>(copy_bytes_));
    const char* const names[] = {"", "nesterov", "slowmo", "both"};
    const std::int64_t bytes[] = {0, kSgdBytes, kSlowMoBytes, kSgdBytes + kSlowMoBytes};
    for (std::size_t i = 1; i < works.size(); ++i) {
      KernelRow row;
      row.kernel = names[i];
      row.variant = StrCat(count_, " weights in ", counts.size(),
                           counts.size() == 1 ? " stretch" : " stretches");
      row.bytes_moved = bytes[i] * count_;
      row.time_us = times_us[i];
      row.bound_us = us_per_byte * static_cast<double>(row.bytes_moved);
      row.goal_percent = kGoalPercent;
      RONDE_ASSIGN_OR_RETURN(row.launches, CountLaunches(device_, works[i]));
      row.checked = options_.check;
      if (row.checked) RONDE_RETURN_IF_ERROR(Check(works[i], i != 2, i != 1, row.wrong));
      sink(row);
    }
    return Status::Ok();
  }

 private:
  enum Array { kWeights, kMomentum, kGradients, kSlowBuffer, kAnchor, kArrays };

  Status Prepare(const std::vector<std::int64_t>& counts) {
    count_ = 0;
    for (const std::int64_t count : counts) count_ += count;
    copy_bytes_ = static_cast<std::size_t>(count_) * sizeof(float) * 2;
    RONDE_ASSIGN_OR_RETURN(kernels_, CreateOptimizerKernels(device_.device()));
    RONDE_ASSIGN_OR_RETURN(copy_source_, device_.Allocate(copy_bytes_));
    RONDE_ASSIGN_OR_RETURN(copy_target_, device_.Allocate(copy_bytes_));
    for (int array = 0; array < kArrays; ++array) {
      RONDE_ASSIGN_OR_RETURN(arrays_[array],
                             DeviceArray::Random(device_, DataType::kFloat32, count_,
                                                 static_cast<std::uint32_t>(array + 1)));
    }
    ranges_.clear();
    std::int64_t begin = 0;
    for (const std::int64_t count : counts) {
      ranges_.push_back({On(kWeights) + begin, On(kMomentum) + begin, On(kGradients) + begin, count,
                         kWeightDecay});
      begin += count;
    }
    return Status::Ok();
  }

  [[nodiscard]] float* On(Array array) const {
    return reinterpret_cast<float*>(arrays_[array].on_device());
  }
  [[nodiscard]] const float* Host(Array array) {
    return reinterpret_cast<const float*>(arrays_[array].on_host());
  }

  Status Sgd() { return kernels_->StepSgd(device_.stream(), ranges_, kSgd); }
  Status SlowMo() {
    SlowMoStep step;
    step.slow_buffer = On(kSlowBuffer);
    step.anchor = On(kAnchor);
    step.weights = On(kWeights);
    step.count = count_;
    step.slow_momentum = kSlowMomentum;
    step.gamma = kGamma;
    return kernels_->StepSlowMo(device_.stream(), step);
  }

  // One step from the random values, beside the same in float64. What counts as wrong is off by
  // more than the roundings of a few float32 operations on the largest term.
  Status Check(const DeviceWork& work, bool sgd, bool slow, std::int64_t& wrong) {
    for (DeviceArray& array : arrays_) RONDE_RETURN_IF_ERROR(array.Upload(device_));
    RONDE_RETURN_IF_ERROR(work());
    std::vector<std::byte> got[kArrays];
    for (const Array array : {kWeights, kMomentum, kSlowBuffer, kAnchor}) {
      RONDE_ASSIGN_OR_RETURN(got[array], arrays_[array].Download(device_));
    }
    wrong = 0;
    for (std::int64_t i = 0; i < count_; ++i) {
      double w = Host(kWeights)[i];
      double v = Host(kMomentum)[i];
      double u = Host(kSlowBuffer)[i];
      double x0 = Host(kAnchor)[i];
      const double largest = std::abs(w) + std::abs(v) + std::abs(u) + std::abs(x0) +
                             std::abs(static_cast<double>(Host(kGradients)[i]));
      if (sgd) {
        const double g = Host(kGradients)[i] + static_cast<double>(kWeightDecay) * w;
        v = kSgd.momentum * v + g;
        w -= kSgd.learning_rate * (g + kSgd.momentum * v);
      }
      if (slow) {
        u = kSlowMomentum * u + (x0 - w) / kGamma;
        x0 -= kGamma * u;
        w = x0;
      }
      const auto off = [&](Array array, double expected) {
        float value = 0;
        std::memcpy(&value, got[array].data() + i * static_cast<std::int64_t>(sizeof(float)),
                    sizeof(float));
        return !(std::abs(value - expected) <= 4e-6 * largest);
      };
      wrong += off(kWeights, w) || off(kMomentum, v) || off(kSlowBuffer, u) || off(kAnchor, x0);
    }
    return Status::Ok();
  }

  const KernelOptions& options_;
  BenchDevice& device_;
  std::unique_ptr<OptimizerKernels> kernels_;
  std::int64_t count_ = 0;
  std::size_t copy_bytes_ = 0;
  std::shared_ptr<std::byte> copy_source_;
  std::shared_ptr<std::byte> copy_target_;
  DeviceArray arrays_[kArrays];
  std::vector<SgdRange> ranges_;
};

}  // namespace

Status MeasureOptimizer(const KernelOptions& options, BenchDevice& device, const KernelSink& sink) {
  OptimizerBenchmark benchmark(options, device);
  RONDE_RETURN_IF_ERROR(benchmark.Measure({options.elements}, sink));
  RONDE_ASSIGN_OR_RETURN(const std::vector<std::int64_t> counts, GradientCounts(options.model));
  return benchmark.Measure(counts, sink);
}

}  // namespace ronde::bench
