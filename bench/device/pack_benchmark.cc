#include <memory>
#include <vector>

#include "bench/collectives/gradient_sizes.h"
#include "bench/device/device_array.h"
#include "bench/device/kernel_benchmarks.h"
#include "bench/device/launch_counter.h"
#include "bench/device/turns.h"
#include "collectives/reduce_kernels.h"
#include "core/base/strcat.h"
#include "tensor_fusion/device/pack_kernels.h"

namespace ronde::bench {
namespace {

constexpr double kGoalPercent = 85;
constexpr int kMostLaunches = 3;
constexpr std::size_t kTensorAlignment = 512;  // as frameworks' allocators have it

struct Variant {
  const char* name;
  DataType tensor_dtype;
  DataType packed_dtype;
  double scale;
  std::size_t skew_elements;  // of where tensors begin
  bool has_goal;
};
constexpr Variant kVariants[] = {
    {"float32", DataType::kFloat32, DataType::kFloat32, 1, 0, true},
    {"float32 scaled", DataType::kFloat32, DataType::kFloat32, 0.125, 0, false},
    {"float32 from odd addresses", DataType::kFloat32, DataType::kFloat32, 1, 1, false},
    {"float32 as bfloat16", DataType::kFloat32, DataType::kBFloat16, 1, 0, false},
    {"bfloat16", DataType::kBFloat16, DataType::kBFloat16, 1, 0, true},
};

class PackBenchmark {
 public:
  PackBenchmark(const KernelOptions& options, BenchDevice& device,
                const std::vector<std::int64_t>& counts, const Variant& variant)
      : options_(options), device_(device), counts_(counts), variant_(variant) {}

  Status Measure(const KernelSink& sink) {
    RONDE_RETURN_IF_ERROR(Prepare());
    const std::vector<DeviceWork> works = {[this] { return Copy(); }, [this] { return Pack(); },
                                           [this] { return Unpack(); }};
    RONDE_RETURN_IF_ERROR(Pack());  // so that there is something to unpack
    RONDE_ASSIGN_OR_RETURN(const std::vector<double> times_us,
                           TimeInTurns(device_, works, options_.rounds, options_.batch_us));
    for (std::size_t i = 1; i < works.size(); ++i) {
      KernelRow row;
      row.kernel = i == 1 ? "pack" : "unpack";
      row.variant = StrCat(counts_.size(), " tensors of ", options_.model, ", ", variant_.name);
      row.dtype = variant_.tensor_dtype;
      row.bytes_moved = tensor_bytes_ + packed_bytes_;
      row.time_us = times_us[i];
      row.bound_us = times_us[0];
      row.goal_percent = variant_.has_goal ? kGoalPercent : 0;
      row.most_launches = kMostLaunches;
      RONDE_ASSIGN_OR_RETURN(row.launches, CountLaunches(device_, works[i]));
      row.checked = options_.check;
      if (row.checked)
        RONDE_RETURN_IF_ERROR(i == 1 ? CheckPack(row.wrong) : CheckUnpack(row.wrong));
      sink(row);
    }
    return Status::Ok();
  }

 private:
  [[nodiscard]] PackFormat Format(double scale) const {
    return {variant_.tensor_dtype, variant_.packed_dtype, scale};
  }

  Status Prepare() {
    const std::size_t element = SizeOf(variant_.tensor_dtype);
    std::size_t total = 0;
    std::vector<std::size_t> offsets;
    for (const std::int64_t count : counts_) {
      offsets.push_back(total + variant_.skew_elements * element);
      const std::size_t bytes = static_cast<std::size_t>(count) * element;
      tensor_bytes_ += static_cast<std::int64_t>(bytes);
      total = (offsets.back() + bytes + kTensorAlignment - 1) / kTensorAlignment * kTensorAlignment;
      buffer_bytes_ += PackedSize(static_cast<std::size_t>(count) * SizeOf(variant_.packed_dtype));
    }
    packed_bytes_ = static_cast<std::int64_t>(buffer_bytes_);
    RONDE_ASSIGN_OR_RETURN(kernels_, CreatePackKernels(device_.device()));
    RONDE_ASSIGN_OR_RETURN(inputs_,
                           DeviceArray::Random(device_, variant_.tensor_dtype,
                                               static_cast<std::int64_t>(total / element), 1));
    RONDE_ASSIGN_OR_RETURN(outputs_, DeviceArray::Poisoned(device_, total));
    RONDE_ASSIGN_OR_RETURN(buffer_, DeviceArray::Poisoned(device_, buffer_bytes_));
    const auto copied = static_cast<std::size_t>((tensor_bytes_ + packed_bytes_) / 2);
    RONDE_ASSIGN_OR_RETURN(copy_source_, device_.Allocate(copied));
    RONDE_ASSIGN_OR_RETURN(copy_target_, device_.Allocate(copied));
    copy_bytes_ = copied;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      const std::size_t bytes = static_cast<std::size_t>(counts_[i]) * element;
      tensors_.push_back(
          {inputs_.on_device() + offsets[i], outputs_.on_device() + offsets[i], bytes});
      host_tensors_.push_back({inputs_.on_host() + offsets[i], nullptr, bytes});
    }
    return Status::Ok();
  }

  Status Copy() {
    return device_.device().Copy(copy_target_.get(), copy_source_.get(), copy_bytes_,
                                 device_.stream().native);
  }
  Status Pack() {
    return kernels_->Pack(device_.stream(), tensors_, buffer_.on_device(), Format(variant_.scale));
  }
  Status Unpack() {
    return kernels_->Unpack(device_.stream(), tensors_, buffer_.on_device(),
                            Format(1 / variant_.scale));
  }

  // The buffer as the host would pack it. Values are small sixteenths, which every type holds.
  [[nodiscard]] std::vector<std::byte> ExpectedBuffer() const {
    std::vector<std::byte> expected(buffer_bytes_);
    std::byte* at = expected.data();
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      for (std::int64_t k = 0; k < counts_[i]; ++k) {
        PutScaled(host_tensors_[i].input, k, at);
      }
      at += PackedSize(static_cast<std::size_t>(counts_[i]) * SizeOf(variant_.packed_dtype));
    }
    return expected;
  }

  void PutScaled(const void* from, std::int64_t index, std::byte* to) const {
    const double value = LoadAs(from, index, variant_.tensor_dtype) * variant_.scale;
    const bool negative = value < 0;
    StoreAs(to, index, variant_.packed_dtype, negative ? -value : value);
    const auto bytes = static_cast<std::int64_t>(SizeOf(variant_.packed_dtype));
    if (negative) to[(index + 1) * bytes - 1] |= std::byte{0x80};
  }

  Status CheckPack(std::int64_t& wrong) {
    RONDE_RETURN_IF_ERROR(buffer_.Upload(device_));  // poison
    RONDE_RETURN_IF_ERROR(Pack());
    RONDE_ASSIGN_OR_RETURN(const std::vector<std::byte> packed, buffer_.Download(device_));
    const std::vector<std::byte> expected = ExpectedBuffer();
    const std::size_t element = SizeOf(variant_.packed_dtype);
    wrong = CountDifferent(packed.data(), expected.data(),
                           static_cast<std::int64_t>(packed.size() / element), element);
    return Status::Ok();
  }

  // Packed and unpacked, everything is as it was, and nothing besides has been written.
  Status CheckUnpack(std::int64_t& wrong) {
    RONDE_RETURN_IF_ERROR(outputs_.Upload(device_));  // poison
    RONDE_RETURN_IF_ERROR(Pack());
    RONDE_RETURN_IF_ERROR(Unpack());
    RONDE_ASSIGN_OR_RETURN(const std::vector<std::byte> result, outputs_.Download(device_));
    std::vector<std::byte> expected(result.size(), std::byte{0xff});
    for (const PackedTensor& tensor : host_tensors_) {
      const auto offset = static_cast<const std::byte*>(tensor.input) - inputs_.on_host();
      std::copy_n(static_cast<const std::byte*>(tensor.input), tensor.size_bytes,
                  expected.begin() + offset);
    }
    const std::size_t element = SizeOf(variant_.tensor_dtype);
    wrong = CountDifferent(result.data(), expected.data(),
                           static_cast<std::int64_t>(result.size() / element), element);
    return Status::Ok();
  }

  const KernelOptions& options_;
  BenchDevice& device_;
  const std::vector<std::int64_t>& counts_;
  const Variant& variant_;
  std::unique_ptr<PackKernels> kernels_;
  std::int64_t tensor_bytes_ = 0;
  std::int64_t packed_bytes_ = 0;
  std::size_t buffer_bytes_ = 0;
  std::size_t copy_bytes_ = 0;
  DeviceArray inputs_;
  DeviceArray outputs_;
  DeviceArray buffer_;
  std::shared_ptr<std::byte> copy_source_;
  std::shared_ptr<std::byte> copy_target_;
  std::vector<PackedTensor> tensors_;
  std::vector<PackedTensor> host_tensors_;
};

}  // namespace

Status MeasurePack(const KernelOptions& options, BenchDevice& device, const KernelSink& sink) {
  RONDE_ASSIGN_OR_RETURN(const std::vector<std::int64_t> counts, GradientCounts(options.model));
  for (const Variant& variant : kVariants) {
    PackBenchmark benchmark(options, device, counts, variant);
    RONDE_RETURN_IF_ERROR(benchmark.Measure(sink));
  }
  return Status::Ok();
}

}  // namespace ronde::bench
