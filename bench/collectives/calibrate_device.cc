#include "bench/collectives/calibrate_device.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>
#include <utility>
#include <vector>

#include "bench/collectives/calibration_file.h"
#include "bench/collectives/calibration_fit.h"
#include "bench/collectives/device_runner.h"
#include "bench/collectives/measurement.h"
#include "collectives/device/algorithm.h"
#include "core/base/clock.h"
#include "core/base/strcat.h"
#include "core/device/device_buffer.h"

namespace ronde::bench {
namespace {

using Buffers = TunedRule::Buffers;

constexpr int kRounds = 7;  // contenders take turns; the median of their rounds counts
constexpr double kMostCalls = 500;
constexpr double kMargin = 0.05;  // see RulesFrom
constexpr std::int64_t kSmallest = 1 << 10;
constexpr std::int64_t kLargestOneShot = 4 << 20;
constexpr std::int64_t kSmallCopy = 4 << 10;
constexpr std::int64_t kLargeCopy = 4 << 20;

struct Contender {
  const DeviceAllreduceAlgorithm* algorithm;
  DeviceCosts costs;
};

class DeviceCalibration {
 public:
  DeviceCalibration(DirectRunner& direct, DeviceRunner& runner, const CalibrationEffort& effort)
      : direct_(direct),
        runner_(runner),
        context_(runner.context()),
        effort_(effort),
        initial_(context_.costs()) {}

  Status Prepare() {
    const auto bytes = static_cast<std::size_t>(effort_.largest_bytes);
    for (std::shared_ptr<std::byte>* buffer : {&mapped_[0], &mapped_[1]}) {
      RONDE_ASSIGN_OR_RETURN(*buffer, runner_.AllocateRegistered(bytes));
    }
    for (std::shared_ptr<std::byte>* buffer : {&private_[0], &private_[1]}) {
      RONDE_ASSIGN_OR_RETURN(*buffer, runner_.device()->Allocate(bytes));
    }
    const std::vector<std::byte> ones(bytes, std::byte{0x3f});  // averages keep them
    for (std::byte* buffer :
         {mapped_[0].get(), mapped_[1].get(), private_[0].get(), private_[1].get()}) {
      RONDE_RETURN_IF_ERROR(runner_.device()->Copy(buffer, ones.data(), bytes));
    }
    return Status::Ok();
  }

  Result<DeviceTuning> Measure() {
    DeviceTuning tuning;
    tuning.device = runner_.device()->name();
    tuning.costs = initial_;
    Status status = MeasureOneShot(tuning.costs);
    if (status.ok()) status = MeasureHostCopies(tuning.costs.host_copy);
    if (status.ok()) status = MeasureAlgorithms(tuning);
    context_.set_costs(initial_);
    if (!status.ok()) return status;
    return tuning;
  }

 private:
  void Say(const std::string& text) const {
    if (direct_.rank() == 0) std::fprintf(stderr, "ronde-bench: calibrating: %s\n", text.c_str());
  }

  [[nodiscard]] AllreduceArguments Arguments(std::int64_t size_bytes, Buffers buffers) const {
    const auto& memory = buffers == Buffers::kRegistered ? mapped_ : private_;
    AllreduceArguments arguments;
    arguments.input = memory[0].get();
    arguments.output = memory[1].get();
    arguments.count = size_bytes / static_cast<std::int64_t>(sizeof(float));
    arguments.op = ReduceOp::kAverage;
    const auto bytes = static_cast<std::size_t>(size_bytes);
    arguments.input_place = runner_.Find(arguments.input, bytes);
    arguments.output_place = runner_.Find(arguments.output, bytes);
    return arguments;
  }

  // Microseconds a call, on this rank.
  Result<double> TimeRound(const Contender& contender, const AllreduceArguments& arguments,
                           int calls) {
    context_.set_costs(contender.costs);
    RONDE_RETURN_IF_ERROR(direct_.Barrier());
    const std::int64_t start_ns = clock_.NowNs();
    for (int call = 0; call < calls; ++call) {
      RONDE_RETURN_IF_ERROR(runner_.RunWith(*contender.algorithm, arguments));
    }
    RONDE_RETURN_IF_ERROR(runner_.Finish());
    return static_cast<double>(clock_.NowNs() - start_ns) / 1e3 / calls;
  }

  // Medians over rounds of the slowest rank's time, by contender.
  Result<std::vector<double>> TimeInTurns(const std::vector<Contender>& contenders,
                                          const AllreduceArguments& arguments) {
    std::vector<double> first;
    for (const Contender& contender : contenders) {
      RONDE_RETURN_IF_ERROR(TimeRound(contender, arguments, 1).status());
      RONDE_ASSIGN_OR_RETURN(const double warm_us, TimeRound(contender, arguments, 2));
      first.push_back(warm_us);
    }
    RONDE_RETURN_IF_ERROR(direct_.Max(first));  // ranks must make equally many calls
    std::vector<std::vector<double>> rounds(contenders.size());
    for (int round = 0; round < kRounds; ++round) {
      for (std::size_t i = 0; i < contenders.size(); ++i) {
        const auto calls =
            static_cast<int>(std::clamp(effort_.round_us / first[i], 1.0, kMostCalls));
        RONDE_ASSIGN_OR_RETURN(const double time_us, TimeRound(contenders[i], arguments, calls));
        rounds[i].push_back(time_us);
      }
    }
    std::vector<double> medians;
    for (std::vector<double>& samples : rounds) {
      RONDE_RETURN_IF_ERROR(direct_.Max(samples));
      medians.push_back(Summarize(std::move(samples)).p50_us);
    }
    return medians;
  }

  Status MeasureOneShot(DeviceCosts& costs) {
    const DeviceAllreduceAlgorithm* const own = FindDeviceAllreduceAlgorithm("cuda_ipc");
    if (own == nullptr || !own->Supports(context_, Arguments(kSmallest, Buffers::kRegistered))) {
      return Status::Ok();
    }
    Say("how much cuda_ipc reduces in one shot");
    DeviceCosts one = costs;
    DeviceCosts two = costs;
    one.one_shot_bytes = INT64_MAX;
    two.one_shot_bytes = 0;
    std::vector<std::int64_t> sizes;
    std::vector<double> one_us;
    std::vector<double> two_us;
    const std::int64_t largest = std::min(kLargestOneShot, effort_.largest_bytes);
    for (std::int64_t size = kSmallest; size <= largest; size *= 2) {
      RONDE_ASSIGN_OR_RETURN(
          const std::vector<double> times_us,
          TimeInTurns({{own, one}, {own, two}}, Arguments(size, Buffers::kRegistered)));
      sizes.push_back(size);
      one_us.push_back(times_us[0]);
      two_us.push_back(times_us[1]);
    }
    costs.one_shot_bytes = CrossoverBytes(sizes, one_us, two_us);
    return Status::Ok();
  }

  // From pinned memory to the device and back, of all ranks at once.
  Result<double> TimeHostCopy(const DeviceBuffer& pinned, std::int64_t size_bytes) {
    BenchDevice& device = *runner_.device();
    const auto bytes = static_cast<std::size_t>(size_bytes);
    std::vector<double> samples;
    for (int round = 0; round < kRounds; ++round) {
      RONDE_RETURN_IF_ERROR(direct_.Barrier());
      const std::int64_t start_ns = clock_.NowNs();
      RONDE_RETURN_IF_ERROR(device.Copy(private_[0].get(), pinned.data(), bytes));
      RONDE_RETURN_IF_ERROR(device.Copy(pinned.data(), private_[0].get(), bytes));
      samples.push_back(static_cast<double>(clock_.NowNs() - start_ns) / 1e3 / 2);
    }
    RONDE_RETURN_IF_ERROR(direct_.Max(samples));
    return Summarize(std::move(samples)).p50_us;
  }

  Status MeasureHostCopies(LinkCost& link) {
    Say("copies between the device and host memory");
    const std::int64_t large = std::min(kLargeCopy, effort_.largest_bytes);
    RONDE_ASSIGN_OR_RETURN(
        const DeviceBuffer pinned,
        DeviceBuffer::Create(runner_.device()->device(), static_cast<std::size_t>(large),
                             DeviceBuffer::Place::kPinned));
    RONDE_ASSIGN_OR_RETURN(link.alpha_us, TimeHostCopy(pinned, kSmallCopy));
    RONDE_ASSIGN_OR_RETURN(const double large_us, TimeHostCopy(pinned, large));
    link.beta_us =
        std::max(0.0, large_us - link.alpha_us) / static_cast<double>(large - kSmallCopy);
    return Status::Ok();
  }

  Status MeasureAlgorithms(DeviceTuning& tuning) {
    const auto algorithms = DeviceAllreduceAlgorithms();
    const Buffers kinds[] = {Buffers::kPrivate, Buffers::kRegistered};
    std::vector<Curve> curves[2];
    for (std::vector<Curve>& of_kind : curves) {
      for (const auto* algorithm : algorithms) {
        of_kind.push_back({std::string(algorithm->name()), {}});
      }
    }
    std::vector<std::int64_t> sizes;
    for (std::int64_t size = 8; size <= effort_.largest_bytes; size *= size < 1024 ? 8 : 2) {
      std::vector<double> elapsed_s = {static_cast<double>(clock_.NowNs() - start_ns_) * 1e-9};
      RONDE_RETURN_IF_ERROR(direct_.Max(elapsed_s));
      if (elapsed_s[0] > effort_.patience_s) break;
      Say(StrCat("all device algorithms, ", size, " bytes"));
      sizes.push_back(size);
      for (int kind = 0; kind < 2; ++kind) {
        RONDE_RETURN_IF_ERROR(
            MeasureSize(Arguments(size, kinds[kind]), tuning.costs, curves[kind]));
      }
    }
    for (int kind = 0; kind < 2; ++kind) {
      for (TunedRule& rule : RulesFrom(sizes, curves[kind], kinds[kind], kMargin)) {
        tuning.allreduce.push_back(std::move(rule));
      }
    }
    FitLinks(sizes, curves[1], tuning.costs);
    return Status::Ok();
  }

  Status MeasureSize(const AllreduceArguments& arguments, const DeviceCosts& costs,
                     std::vector<Curve>& curves) {
    const auto algorithms = DeviceAllreduceAlgorithms();
    std::vector<Contender> contenders;
    std::vector<std::size_t> indices;
    for (std::size_t i = 0; i < algorithms.size(); ++i) {
      curves[i].time_us.push_back(0);
      if (!algorithms[i]->Supports(context_, arguments)) continue;
      contenders.push_back({algorithms[i], costs});
      indices.push_back(i);
    }
    RONDE_ASSIGN_OR_RETURN(const std::vector<double> times_us, TimeInTurns(contenders, arguments));
    for (std::size_t i = 0; i < times_us.size(); ++i) {
      curves[indices[i]].time_us.back() = times_us[i];
    }
    return Status::Ok();
  }

  // How often an algorithm's model counts each parameter of `link`: its cost where that one is 1
  // and all others are 0.
  LinkSample SampleOf(const DeviceAllreduceAlgorithm& algorithm,
                      const AllreduceArguments& arguments, LinkCost DeviceCosts::*link,
                      const DeviceCosts& thresholds) {
    const auto cost = [&](LinkCost unit) {
      DeviceCosts costs;
      costs.one_shot_bytes = thresholds.one_shot_bytes;
      costs.*link = unit;
      context_.set_costs(costs);
      return algorithm.Cost(context_, arguments);
    };
    return {cost({1, 0, 0}), cost({0, 1, 0}), cost({0, 0, 1}), 0};
  }

  // `curves` are those in mapped memory, by algorithm.
  void FitLinks(const std::vector<std::int64_t>& sizes, const std::vector<Curve>& curves,
                DeviceCosts& costs) {
    const DeviceCosts thresholds = costs;
    for (const auto& [link, name] :
         {std::pair(&DeviceCosts::peer, "cuda_ipc"), std::pair(&DeviceCosts::nccl, "nccl")}) {
      std::vector<LinkSample> samples;
      for (const Curve& curve : curves) {
        if (curve.algorithm != name) continue;
        for (std::size_t at = 0; at < sizes.size(); ++at) {
          if (curve.time_us[at] <= 0) continue;
          LinkSample sample =
              SampleOf(*FindDeviceAllreduceAlgorithm(name),
                       Arguments(sizes[at], Buffers::kRegistered), link, thresholds);
          sample.time_us = curve.time_us[at];
          samples.push_back(sample);
        }
      }
      costs.*link = FitLink(samples, initial_.*link);
    }
  }

  DirectRunner& direct_;
  DeviceRunner& runner_;
  DeviceContext& context_;
  const CalibrationEffort effort_;
  const DeviceCosts initial_;
  SteadyClock clock_;
  const std::int64_t start_ns_ = clock_.NowNs();
  std::shared_ptr<std::byte> private_[2];
  std::shared_ptr<std::byte> mapped_[2];
};

}  // namespace

Status CalibrateDevice(DirectRunner& direct, BenchDevice& device, const Config& config,
                       const std::string& path, const CalibrationEffort& effort) {
  RONDE_ASSIGN_OR_RETURN(CalibrationFile file, CalibrationFile::Open(direct, config, path));
  RONDE_ASSIGN_OR_RETURN(const auto runner, DeviceRunner::Create(direct, device, config));
  DeviceCalibration calibration(direct, *runner, effort);
  RONDE_RETURN_IF_ERROR(direct.Agree(calibration.Prepare()));
  RONDE_ASSIGN_OR_RETURN(DeviceTuning measured, calibration.Measure());
  Tuning tuning = file.EntryOfTheseRanks();
  tuning.device = std::move(measured);
  return file.Write(std::move(tuning));
}

}  // namespace ronde::bench
