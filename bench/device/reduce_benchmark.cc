#include <array>
#include <memory>
#include <vector>

#include "bench/device/device_array.h"
#include "bench/device/kernel_benchmarks.h"
#include "bench/device/launch_counter.h"
#include "bench/device/turns.h"
#include "collectives/device/kernels/device_kernels.h"
#include "collectives/reduce_kernels.h"
#include "core/base/strcat.h"

namespace ronde::bench {
namespace {

constexpr int kMostInputs = 8;
constexpr double kGoalPercent = 85;
// What the bound's copy moves beside one input: large enough to be the memory's own speed.
constexpr std::size_t kCopyFactor = 4;

class ReduceBenchmark {
 public:
  ReduceBenchmark(const KernelOptions& options, BenchDevice& device)
      : options_(options), device_(device) {}

  Status Measure(DataType dtype, const std::vector<int>& inputs, const KernelSink& sink) {
    RONDE_RETURN_IF_ERROR(Prepare(dtype));
    std::vector<DeviceWork> works = {[this] {
      return device_.device().Copy(copy_target_.get(), copy_source_.get(), copy_bytes_,
                                   device_.stream().native);
    }};
    for (const int count : inputs) works.push_back([this, count] { return Reduce(count); });
    RONDE_ASSIGN_OR_RETURN(const std::vector<double> times_us,
                           TimeInTurns(device_, works, options_.rounds, options_.batch_us));
    const double us_per_byte = times_us[0] / (2 * static_cast<double>(copy_bytes_));
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      KernelRow row;
      row.kernel = "reduce";
      row.variant = StrCat(inputs[i], " inputs of ", options_.size_bytes, " bytes");
      row.dtype = dtype_;
      row.bytes_moved = (inputs[i] + 1) * count_ * static_cast<std::int64_t>(SizeOf(dtype_));
      row.time_us = times_us[i + 1];
      row.bound_us = us_per_byte * static_cast<double>(row.bytes_moved);
      row.goal_percent = kGoalPercent;
      RONDE_ASSIGN_OR_RETURN(row.launches, CountLaunches(device_, works[i + 1]));
      row.checked = options_.check;
      if (row.checked) RONDE_RETURN_IF_ERROR(Check(inputs[i], row.wrong));
      sink(row);
    }
    return Status::Ok();
  }

 private:
  Status Prepare(DataType dtype) {
    dtype_ = dtype;
    count_ = options_.size_bytes / static_cast<std::int64_t>(SizeOf(dtype));
    copy_bytes_ = static_cast<std::size_t>(options_.size_bytes) * kCopyFactor;
    RONDE_ASSIGN_OR_RETURN(kernels_, CreateDeviceKernels(device_.device()));
    RONDE_ASSIGN_OR_RETURN(copy_source_, device_.Allocate(copy_bytes_));
    RONDE_ASSIGN_OR_RETURN(copy_target_, device_.Allocate(copy_bytes_));
    inputs_.clear();
    for (std::uint32_t seed = 1; seed <= kMostInputs; ++seed) {
      RONDE_ASSIGN_OR_RETURN(DeviceArray input, DeviceArray::Random(device_, dtype, count_, seed));
      inputs_.push_back(std::move(input));
    }
    RONDE_ASSIGN_OR_RETURN(
        output_, DeviceArray::Poisoned(device_, static_cast<std::size_t>(count_) * SizeOf(dtype)));
    return Status::Ok();
  }

  Status Reduce(int inputs) {
    InputReduction call;
    call.dtype = dtype_;
    call.count = count_;
    call.input_count = inputs;
    for (int i = 0; i < inputs; ++i) call.inputs[i] = inputs_[i].on_device();
    call.output = output_.on_device();
    call.scaling.postscale = 1.0 / inputs;
    return kernels_->ReduceInputs(device_.stream(), call);
  }

  Status Check(int inputs, std::int64_t& wrong) {
    RONDE_RETURN_IF_ERROR(output_.Upload(device_));  // poison again
    RONDE_RETURN_IF_ERROR(Reduce(inputs));
    RONDE_ASSIGN_OR_RETURN(const std::vector<std::byte> result, output_.Download(device_));
    std::array<const void*, kMostInputs> on_host = {};
    for (int i = 0; i < inputs; ++i) on_host[i] = inputs_[i].on_host();
    std::vector<std::byte> expected(result.size());
    ronde::Reduce(ReduceOp::kSum, dtype_, {on_host.data(), static_cast<std::size_t>(inputs)},
                  expected.data(), count_, {1, 1.0 / inputs, 1});
    wrong = CountDifferent(result.data(), expected.data(), count_, SizeOf(dtype_));
    return Status::Ok();
  }

  const KernelOptions& options_;
  BenchDevice& device_;
  std::unique_ptr<DeviceKernels> kernels_;
  DataType dtype_ = DataType::kFloat32;
  std::int64_t count_ = 0;
  std::size_t copy_bytes_ = 0;
  std::shared_ptr<std::byte> copy_source_;
  std::shared_ptr<std::byte> copy_target_;
  std::vector<DeviceArray> inputs_;
  DeviceArray output_;
};

}  // namespace

Status MeasureReduce(const KernelOptions& options, BenchDevice& device, const KernelSink& sink) {
  ReduceBenchmark benchmark(options, device);
  RONDE_RETURN_IF_ERROR(benchmark.Measure(DataType::kFloat32, {2, 3, 4, 5, 6, 7, 8}, sink));
  return benchmark.Measure(DataType::kBFloat16, {2, 4, 8}, sink);
}

}  // namespace ronde::bench
