#include "bench/collectives/calibrate.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <vector>

#include "bench/collectives/calibration_file.h"
#include "bench/collectives/calibration_fit.h"
#include "collectives/allreduce/algorithm.h"
#include "core/base/clock.h"
#include "core/base/strcat.h"

namespace ronde::bench {
namespace {

using Buffers = TunedRule::Buffers;

constexpr int kRounds = 7;        // contenders take turns; the median of their rounds counts
constexpr int kMostCalls = 2000;  // a round
constexpr double kHopeless = 4;   // times slower than the best: not measured at larger sizes
constexpr double kMargin = 0.05;  // see RulesFrom
// What has been written past the cache costs its reader, whom nobody times here.
constexpr double kReaderLoss = 1.25;
constexpr std::size_t kPageBytes = 4096;

constexpr std::array kLinks = {&CostModel::shared_memory, &CostModel::registered, &CostModel::local,
                               &CostModel::network};

// Input and output of the largest size; every call uses their beginnings.
struct Memory {
  std::shared_ptr<std::byte> input;
  std::shared_ptr<std::byte> output;
};

// What runs in turn with others: one algorithm under one cost model.
struct Contender {
  const AllreduceAlgorithm* algorithm;
  CostModel costs;
};

class Calibration {
 public:
  Calibration(DirectRunner& direct, const CalibrationEffort& effort)
      : direct_(direct), context_(direct.context()), effort_(effort), initial_(context_.costs()) {}

  Status Prepare() {
    const auto bytes = static_cast<std::size_t>(effort_.largest_bytes);
    RONDE_ASSIGN_OR_RETURN(registered_.input, direct_.AllocateRegistered(bytes));
    RONDE_ASSIGN_OR_RETURN(registered_.output, direct_.AllocateRegistered(bytes));
    for (std::shared_ptr<std::byte>* buffer : {&private_.input, &private_.output}) {
      auto* const memory = static_cast<std::byte*>(std::aligned_alloc(kPageBytes, bytes));
      if (memory == nullptr) return Status::Unavailable("no memory for --calibrate");
      buffer->reset(memory, [](std::byte* data) { std::free(data); });
    }
    // First touched by their owner, as a caller's are, and of values that averages keep.
    for (std::byte* buffer : {private_.input.get(), private_.output.get(), registered_.input.get(),
                              registered_.output.get()}) {
      std::memset(buffer, 0x3f, bytes);
    }
    return Status::Ok();
  }

  // The tuning for this job's ranks; the context keeps its costs.
  Result<Tuning> Measure() {
    Tuning tuning;
    tuning.ranks = direct_.size();
    tuning.hosts = context_.communicator().host_count();
    tuning.costs = initial_;
    Status status = MeasureThresholds(tuning.costs);
    if (status.ok()) status = MeasureAlgorithms(tuning);
    context_.set_costs(initial_);
    if (!status.ok()) return status;
    return tuning;
  }

 private:
  void Say(const std::string& text) const {
    if (direct_.rank() == 0) std::fprintf(stderr, "ronde-bench: calibrating: %s\n", text.c_str());
  }

  [[nodiscard]] AllreduceArguments Arguments(std::int64_t size_bytes, Buffers buffers,
                                             bool in_place) const {
    const Memory& memory = buffers == Buffers::kRegistered ? registered_ : private_;
    AllreduceArguments arguments;
    arguments.output = memory.output.get();
    arguments.input = in_place ? memory.output.get() : memory.input.get();
    arguments.count = size_bytes / static_cast<std::int64_t>(sizeof(float));
    arguments.op = ReduceOp::kAverage;
    const auto bytes = static_cast<std::size_t>(size_bytes);
    arguments.input_place = direct_.Find(arguments.input, bytes);
    arguments.output_place = direct_.Find(arguments.output, bytes);
    return arguments;
  }

  // Microseconds a call, on this rank.
  Result<double> TimeRound(const Contender& contender, const AllreduceArguments& arguments,
                           int calls) {
    context_.set_costs(contender.costs);
    RONDE_RETURN_IF_ERROR(direct_.Barrier());
    const SteadyClock clock;
    const std::int64_t start_ns = clock.NowNs();
    for (int call = 0; call < calls; ++call) {
      RONDE_RETURN_IF_ERROR(contender.algorithm->Run(context_, arguments));
    }
    return static_cast<double>(clock.NowNs() - start_ns) / 1e3 / calls;
  }

  // Medians over rounds of the slowest rank's time, by contender.
  Result<std::vector<double>> TimeInTurns(const std::vector<Contender>& contenders,
                                          const AllreduceArguments& arguments) {
    std::vector<double> first;
    for (const Contender& contender : contenders) {
      RONDE_ASSIGN_OR_RETURN(const double cold_us, TimeRound(contender, arguments, 1));
      RONDE_ASSIGN_OR_RETURN(const double warm_us, TimeRound(contender, arguments, 2));
      first.push_back(std::min(cold_us, warm_us));
    }
    RONDE_RETURN_IF_ERROR(direct_.Max(first));  // ranks must make equally many calls
    std::vector<double> samples;
    for (int round = 0; round < kRounds; ++round) {
      for (std::size_t i = 0; i < contenders.size(); ++i) {
        const int calls =
            static_cast<int>(std::clamp(effort_.round_us / first[i], 1.0, double{kMostCalls}));
        RONDE_ASSIGN_OR_RETURN(const double time_us, TimeRound(contenders[i], arguments, calls));
        samples.push_back(time_us);
      }
    }
    RONDE_RETURN_IF_ERROR(direct_.Max(samples));
    std::vector<double> medians;
    for (std::size_t i = 0; i < contenders.size(); ++i) {
      std::vector<double> rounds;
      for (std::size_t at = i; at < samples.size(); at += contenders.size()) {
        rounds.push_back(samples[at]);
      }
      std::nth_element(rounds.begin(), rounds.begin() + kRounds / 2, rounds.end());
      medians.push_back(rounds[kRounds / 2]);
    }
    return medians;
  }

  // Up to which size `small` beats `large`, whose times count `handicap` times; see CrossoverBytes.
  Result<std::int64_t> MeasureCrossover(const AllreduceAlgorithm& algorithm, Buffers buffers,
                                        std::int64_t from, std::int64_t to, const CostModel& small,
                                        const CostModel& large, double handicap) {
    std::vector<std::int64_t> sizes;
    std::vector<double> small_us;
    std::vector<double> large_us;
    for (std::int64_t size = from; size <= to; size *= 2) {
      RONDE_ASSIGN_OR_RETURN(
          const std::vector<double> times,
          TimeInTurns({{&algorithm, small}, {&algorithm, large}}, Arguments(size, buffers, false)));
      sizes.push_back(size);
      small_us.push_back(times[0]);
      large_us.push_back(times[1] * handicap);
    }
    return CrossoverBytes(sizes, small_us, large_us);
  }

  Status MeasureThresholds(CostModel& costs) {
    const AllreduceArguments anything = Arguments(1 << 20, Buffers::kRegistered, false);
    const AllreduceAlgorithm* const shared = FindAllreduceAlgorithm("shared_memory");
    CostModel small = costs;
    CostModel large = costs;
    if (shared != nullptr && shared->Supports(context_, anything)) {
      Say("how much shared_memory reduces in one shot");
      small.one_shot_bytes = INT64_MAX;
      large.one_shot_bytes = 0;
      RONDE_ASSIGN_OR_RETURN(
          costs.one_shot_bytes,
          MeasureCrossover(*shared, Buffers::kPrivate, 1 << 10, 1 << 18, small, large, 1));
    }
    const AllreduceAlgorithm* const push = FindAllreduceAlgorithm("push_two_shot");
    if (push == nullptr || !push->Supports(context_, anything)) return Status::Ok();
    Say("from which size on results are written past the cache");
    small = large = costs;
    small.streaming_bytes = INT64_MAX;
    large.streaming_bytes = 0;
    RONDE_ASSIGN_OR_RETURN(const std::int64_t crossover,
                           MeasureCrossover(*push, Buffers::kRegistered, 1 << 18,
                                            effort_.largest_bytes, small, large, kReaderLoss));
    // Inputs and outputs of all ranks.
    const std::int64_t working_set = 2 * std::int64_t{direct_.size()};
    costs.streaming_bytes = crossover == INT64_MAX ? INT64_MAX : crossover * working_set;
    // Far below the cache size there is nothing to gain: such a figure is a disturbance.
    costs.streaming_bytes = std::max(costs.streaming_bytes, initial_.streaming_bytes / 4);
    return Status::Ok();
  }

  // One memory's curves so far.
  struct Field {
    Buffers buffers;
    std::vector<Curve> curves;  // of all algorithms, in registry order
    std::vector<bool> hopeless;
  };

  Status MeasureSize(std::int64_t size, const CostModel& costs, Field& field) {
    const auto algorithms = AllreduceAlgorithms();
    std::vector<Contender> contenders;
    std::vector<std::size_t> indices;
    for (std::size_t i = 0; i < algorithms.size(); ++i) {
      field.curves[i].time_us.push_back(0);
      if (field.hopeless[i]) continue;
      if (!algorithms[i]->Supports(context_, Arguments(size, field.buffers, false))) continue;
      contenders.push_back({algorithms[i], costs});
      indices.push_back(i);
    }
    std::vector<double> together(contenders.size(), 1);
    for (const bool in_place : {false, true}) {
      RONDE_ASSIGN_OR_RETURN(const std::vector<double> times,
                             TimeInTurns(contenders, Arguments(size, field.buffers, in_place)));
      for (std::size_t i = 0; i < times.size(); ++i) together[i] *= std::sqrt(times[i]);
    }
    if (together.empty()) return Status::Ok();
    const double best = *std::min_element(together.begin(), together.end());
    for (std::size_t i = 0; i < together.size(); ++i) {
      field.curves[indices[i]].time_us.back() = together[i];
      field.hopeless[indices[i]] = together[i] > kHopeless * best;
    }
    return Status::Ok();
  }

  Status MeasureAlgorithms(Tuning& tuning) {
    std::vector<Field> fields;
    for (const Buffers buffers : {Buffers::kPrivate, Buffers::kRegistered}) {
      Field& field = fields.emplace_back();
      field.buffers = buffers;
      for (const AllreduceAlgorithm* algorithm : AllreduceAlgorithms()) {
        field.curves.push_back({std::string(algorithm->name()), {}});
      }
      field.hopeless.resize(field.curves.size());
    }
    std::vector<std::int64_t> sizes;
    for (std::int64_t size = 8; size <= effort_.largest_bytes; size *= size < 1024 ? 8 : 2) {
      std::vector<double> elapsed_s = {static_cast<double>(clock_.NowNs() - start_ns_) * 1e-9};
      RONDE_RETURN_IF_ERROR(direct_.Max(elapsed_s));
      if (elapsed_s[0] > effort_.patience_s) break;
      Say(StrCat("all algorithms, ", size, " bytes"));
      sizes.push_back(size);
      for (Field& field : fields) RONDE_RETURN_IF_ERROR(MeasureSize(size, tuning.costs, field));
    }
    for (const Field& field : fields) {
      for (TunedRule& rule : RulesFrom(sizes, field.curves, field.buffers, kMargin)) {
        tuning.allreduce.push_back(std::move(rule));
      }
    }
    FitLinks(sizes, fields, tuning.costs);
    return Status::Ok();
  }

  // How often an algorithm's model counts each parameter of `link`: its cost where that one is 1
  // and all others are 0. Zero for models that are no such sum.
  LinkSample SampleOf(const AllreduceAlgorithm& algorithm, const AllreduceArguments& arguments,
                      LinkCost CostModel::*link, const CostModel& thresholds) {
    const auto cost = [&](LinkCost unit) {
      CostModel model = thresholds;
      for (const auto each : kLinks) model.*each = {};
      model.*link = unit;
      context_.set_costs(model);
      return algorithm.Cost(context_, arguments);
    };
    const LinkSample sample = {cost({1, 0, 0}), cost({0, 1, 0}), cost({0, 0, 1}), 0};
    const double sum = sample.alphas + sample.betas + sample.gammas;
    return std::abs(cost({1, 1, 1}) - sum) <= 1e-9 * sum ? sample : LinkSample{};
  }

  void FitLinks(const std::vector<std::int64_t>& sizes, const std::vector<Field>& fields,
                CostModel& costs) {
    const CostModel thresholds = costs;
    for (const auto link : kLinks) {
      std::vector<LinkSample> samples;
      for (const Field& field : fields) {
        for (std::size_t i = 0; i < field.curves.size(); ++i) {
          for (std::size_t at = 0; at < sizes.size(); ++at) {
            LinkSample sample =
                SampleOf(*AllreduceAlgorithms()[i], Arguments(sizes[at], field.buffers, false),
                         link, thresholds);
            sample.time_us = field.curves[i].time_us[at];
            if (sample.alphas > 0 && sample.time_us > 0) samples.push_back(sample);
          }
        }
      }
      costs.*link = FitLink(samples, initial_.*link);
    }
  }

  DirectRunner& direct_;
  CollectiveContext& context_;
  const CalibrationEffort effort_;
  const CostModel initial_;
  SteadyClock clock_;
  const std::int64_t start_ns_ = clock_.NowNs();
  Memory private_;
  Memory registered_;
};

}  // namespace

Status Calibrate(DirectRunner& direct, const Config& config, const std::string& path,
                 const CalibrationEffort& effort) {
  RONDE_ASSIGN_OR_RETURN(CalibrationFile file, CalibrationFile::Open(direct, config, path));
  Calibration calibration(direct, effort);
  RONDE_RETURN_IF_ERROR(direct.Agree(calibration.Prepare()));
  RONDE_ASSIGN_OR_RETURN(Tuning tuning, calibration.Measure());
  // Settings that an autotuner has found stay.
  tuning.settings = file.EntryOfTheseRanks().settings;
  return file.Write(std::move(tuning));
}

}  // namespace ronde::bench
