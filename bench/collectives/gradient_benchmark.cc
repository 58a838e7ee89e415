#include "bench/collectives/gradient_benchmark.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "bench/collectives/gradient_sizes.h"
#include "bench/collectives/gradient_step.h"
#include "bench/collectives/peers/peer_table.h"
#include "bench/collectives/sweep.h"
#include "core/base/clock.h"
#include "core/base/strcat.h"

namespace ronde::bench {
namespace {

using Grouping = EngineStep::Grouping;

// Ways take turns in this many rounds, each with steps that only settle caches and scheduler.
constexpr int kRounds = 5;
constexpr int kSettlingSteps = 3;

// A way with its samples.
struct Contender {
  GradientRow row;
  std::unique_ptr<GradientStep> step;
  std::vector<double> samples;
};

class GradientBenchmark {
 public:
  GradientBenchmark(const BenchOptions& options, const Config& config, DirectRunner& direct,
                    const SessionMaker& make_session, GradientSet set)
      : options_(options),
        config_(config),
        direct_(direct),
        make_session_(make_session),
        set_(std::move(set)),
        sums_(set_) {
    sums_.op = ReduceOp::kSum;
  }

  Status Measure(GradientTable& table) {
    RONDE_RETURN_IF_ERROR(AllocateTensors());
    RONDE_RETURN_IF_ERROR(AddEngineWays());
    AddDirectWays();
    AddPeers();
    for (Contender& one : contenders_) RONDE_RETURN_IF_ERROR(TakeTurn(one, 0));
    const int rounds = std::min(kRounds, options_.iterations);
    for (int round = 0; round < rounds; ++round) {
      const int samples =
          options_.iterations * (round + 1) / rounds - options_.iterations * round / rounds;
      for (Contender& one : contenders_) RONDE_RETURN_IF_ERROR(TakeTurn(one, samples));
    }
    for (Contender& one : contenders_) {
      RONDE_RETURN_IF_ERROR(Finish(one));
      table.rows.push_back(one.row);
    }
    return Status::Ok();
  }

 private:
  Status AllocateTensors() {
    RONDE_ASSIGN_OR_RETURN(GradientTensors separate, GradientTensors::Separate(set_));
    RONDE_ASSIGN_OR_RETURN(GradientTensors flat, GradientTensors::Packed(set_));
    RONDE_ASSIGN_OR_RETURN(auto memory, direct_.AllocateRegistered(set_.PackedBytes()));
    separate_ = std::move(separate);
    flat_ = std::move(flat);
    registered_ = GradientTensors::PackedIn(set_, std::move(memory));
    return Status::Ok();
  }

  Status AddEngineWays() {
    std::vector<std::int64_t> thresholds = options_.gradients->fusion_thresholds;
    if (thresholds.empty()) thresholds = {config_.GetInteger(Setting::kFusionThresholdBytes)};
    const std::int64_t bucket = options_.gradients->bucket_size_bytes;
    RONDE_RETURN_IF_ERROR(AddEngineWay("group", Grouping::kAll, true, thresholds[0], -1));
    RONDE_RETURN_IF_ERROR(AddEngineWay("buckets", Grouping::kBuckets, true, thresholds[0], bucket));
    RONDE_RETURN_IF_ERROR(AddEngineWay("tensors", Grouping::kNone, true, thresholds[0], -1));
    for (const std::int64_t threshold : thresholds) {
      RONDE_RETURN_IF_ERROR(AddEngineWay("group", Grouping::kAll, false, threshold, -1));
      RONDE_RETURN_IF_ERROR(AddEngineWay("buckets", Grouping::kBuckets, false, threshold, bucket));
      RONDE_RETURN_IF_ERROR(AddEngineWay("tensors", Grouping::kNone, false, threshold, -1));
    }
    return Status::Ok();
  }

  Status AddEngineWay(const char* way, Grouping grouping, bool registered, std::int64_t threshold,
                      std::int64_t bucket) {
    Config config = config_;
    RONDE_RETURN_IF_ERROR(
        config.Set(Setting::kFusionThresholdBytes, StrCat(threshold), SettingOrigin::kFlag));
    GradientRow row = {.library = "ronde",
                       .path = "engine",
                       .way = way,
                       .buffers = registered ? "registered" : "private",
                       .fusion_threshold_bytes = threshold,
                       .bucket_size_bytes = bucket,
                       .op = set_.op};
    auto make_session = [this, config] { return make_session_(config); };
    const auto bucket_size_bytes = static_cast<std::size_t>(std::max<std::int64_t>(bucket, 0));
    auto step = std::make_unique<EngineStep>(std::move(make_session), set_,
                                             registered ? nullptr : &*separate_,
                                             EngineStep::Way{grouping, bucket_size_bytes});
    contenders_.push_back({std::move(row), std::move(step), {}});
    return Status::Ok();
  }

  void AddDirectWays() {
    AddCalls("ronde", "registered", direct_, set_, *registered_, {});
    AddCalls("ronde", "registered", direct_, set_, *registered_, {.flat = true});
    AddCalls("ronde", "private", direct_, set_, *separate_, {});
    AddCalls("ronde", "private", direct_, set_, *flat_, {.flat = true});
  }

  void AddPeers() {
    for (const std::string& name : options_.peers) {
      for (const PeerEntry& entry : Peers()) {
        if (entry.name == name) peers_.push_back(entry.make({direct_.context(), nullptr}));
      }
      const bool averages = set_.op == ReduceOp::kAverage;
      if (averages) {
        AddCalls(name, "private", *peers_.back(), sums_, *separate_,
                 {.scale = 1.0 / direct_.size()});
      }
      AddCalls(name, "private", *peers_.back(), averages ? sums_ : set_, *separate_, {});
    }
  }

  // `set` has the operator of the calls.
  void AddCalls(const std::string& library, const char* buffers, CollectiveRunner& runner,
                const GradientSet& set, const GradientTensors& tensors,
                const CallsStep::Calls& calls) {
    GradientRow row = {.library = library,
                       .path = "direct",
                       .way = calls.flat ? "flat" : "tensors",
                       .buffers = buffers,
                       .op = calls.scale == 1 ? set.op : ReduceOp::kAverage};
    const std::int64_t most = *std::max_element(set.counts.begin(), set.counts.end());
    row.supported =
        runner.Supports(set.CallFor(most)) && (calls.scale == 1 || IsFloatingPoint(set.dtype));
    contenders_.push_back(
        {std::move(row), std::make_unique<CallsStep>(runner, set, tensors, calls), {}});
  }

  Status TakeTurn(Contender& one, int samples) {
    if (!one.row.supported) return Status::Ok();
    RONDE_RETURN_IF_ERROR(one.step->Begin());
    // Sums without a division grow; every turn starts from the pattern again.
    one.step->tensors().Fill(direct_.rank());
    const int untimed = samples == 0 ? options_.warmup_iterations : kSettlingSteps;
    for (int i = 0; i < untimed; ++i) RONDE_RETURN_IF_ERROR(one.step->Run());
    const SteadyClock clock;
    for (int i = 0; i < samples; ++i) {
      const std::int64_t start_ns = clock.NowNs();
      RONDE_RETURN_IF_ERROR(one.step->Run());
      one.samples.push_back(static_cast<double>(clock.NowNs() - start_ns) / 1e3);
    }
    one.step->End();
    return Status::Ok();
  }

  Status Finish(Contender& one) {
    if (!one.row.supported) return Status::Ok();
    RONDE_RETURN_IF_ERROR(direct_.Max(one.samples));
    one.row.timing = Summarize(one.samples);
    std::int64_t wrong = 0;
    for (int i = 0; i < options_.check_calls; ++i) {
      RONDE_RETURN_IF_ERROR(one.step->Begin());
      one.step->tensors().Fill(direct_.rank());
      RONDE_RETURN_IF_ERROR(one.step->Run());
      wrong += one.step->tensors().CountWrong(one.row.op, direct_.rank(), direct_.size());
      one.step->End();
    }
    std::vector<double> sum = {static_cast<double>(wrong)};
    RONDE_RETURN_IF_ERROR(direct_.Sum(sum));
    one.row.wrong = static_cast<std::int64_t>(sum[0]);
    return Status::Ok();
  }

  const BenchOptions& options_;
  const Config& config_;
  DirectRunner& direct_;
  const SessionMaker& make_session_;
  GradientSet set_;
  GradientSet sums_;  // what a peer without averages is asked for
  std::optional<GradientTensors> separate_;
  std::optional<GradientTensors> flat_;
  std::optional<GradientTensors> registered_;
  std::vector<std::unique_ptr<CollectiveRunner>> peers_;
  std::vector<Contender> contenders_;
};

}  // namespace

Status MeasureGradients(const BenchOptions& options, const Config& config, DirectRunner& direct,
                        const SessionMaker& make_session,
                        const std::function<void(const GradientTable&)>& sink) {
  RONDE_ASSIGN_OR_RETURN(const auto counts, GradientCounts(options.gradients->model));
  RONDE_RETURN_IF_ERROR(LetRanksSpread(direct));
  for (const DataType dtype : options.dtypes) {
    for (const ReduceOp op : options.ops) {
      GradientSet set = {counts, dtype, op};
      GradientTable table = {.model = options.gradients->model,
                             .tensors = static_cast<std::int64_t>(counts.size()),
                             .count = set.TotalCount(),
                             .dtype = dtype,
                             .op = op,
                             .ranks = direct.size(),
                             .samples = options.iterations,
                             .checked = options.check_calls > 0};
      table.size_bytes = table.count * static_cast<std::int64_t>(SizeOf(dtype));
      GradientBenchmark benchmark(options, config, direct, make_session, std::move(set));
      RONDE_RETURN_IF_ERROR(benchmark.Measure(table));
      sink(table);
    }
  }
  return Status::Ok();
}

}  // namespace ronde::bench
