#include "bench/collectives/gradient_negotiation.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <utility>

#include "bench/collectives/gradient_bare_step.h"
#include "bench/collectives/gradient_sizes.h"
#include "bench/collectives/gradient_step.h"
#include "bench/collectives/sweep.h"
#include "core/base/clock.h"

namespace ronde::bench {
namespace {

// Ways take turns in this many rounds.
constexpr int kRounds = 7;
constexpr int kSettlingSteps = 3;

// A way with its samples, round by round.
struct Contender {
  NegotiationRow row;
  std::unique_ptr<GradientStep> step;
  int settling_steps = kSettlingSteps;
  std::vector<std::vector<double>> rounds;
};

// Of round i: combine(median of a's samples, median of b's).
template <typename Combine>
double MedianOfRounds(const Contender& a, const Contender& b, Combine combine) {
  std::vector<double> values;
  for (std::size_t i = 0; i < a.rounds.size(); ++i) {
    values.push_back(combine(Summarize(a.rounds[i]).p50_us, Summarize(b.rounds[i]).p50_us));
  }
  return Summarize(std::move(values)).p50_us;
}

class NegotiationBenchmark {
 public:
  NegotiationBenchmark(const BenchOptions& options, const Config& config, DirectRunner& direct,
                       const SessionMaker& make_session, GradientSet set)
      : options_(options),
        config_(config),
        direct_(direct),
        make_session_(make_session),
        set_(std::move(set)) {}

  Status Measure(NegotiationTable& table) {
    RONDE_RETURN_IF_ERROR(AllocateTensors());
    RONDE_RETURN_IF_ERROR(AddWays("registered", *registered_, *registered_));
    RONDE_RETURN_IF_ERROR(AddWays("private", *separate_, *flat_));
    for (Contender& one : contenders_) {
      RONDE_RETURN_IF_ERROR(TakeTurn(one, options_.warmup_iterations, 0));
    }
    const int rounds = std::min(kRounds, options_.iterations);
    for (int round = 0; round < rounds; ++round) {
      const int samples =
          options_.iterations * (round + 1) / rounds - options_.iterations * round / rounds;
      for (Contender& one : contenders_) {
        RONDE_RETURN_IF_ERROR(TakeTurn(one, one.settling_steps, samples));
      }
    }
    for (Contender& one : contenders_) RONDE_RETURN_IF_ERROR(Check(one));
    return Report(table);
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

  // First the two that the others are compared with.
  Status AddWays(const char* buffers, const GradientTensors& tensors, const GradientTensors& flat) {
    Add({.way = "bare", .buffers = buffers},
        std::make_unique<BareStep>(direct_, config_, set_, tensors));
    Add({.way = "flat", .buffers = buffers},
        std::make_unique<CallsStep>(direct_, set_, flat, CallsStep::Calls{.flat = true}));
    const bool registered = &tensors == &*registered_;
    for (const ControlMode mode :
         {ControlMode::kUncached, ControlMode::kCached, ControlMode::kLocked}) {
      RONDE_ASSIGN_OR_RETURN(const Config of_mode, WithMode(config_, mode));
      // A session's registered memory ends with it, so that the step asks for its own.
      Add({.way = "engine", .mode = mode, .buffers = buffers},
          std::make_unique<EngineStep>([this, of_mode] { return make_session_(of_mode); }, set_,
                                       registered ? nullptr : &tensors,
                                       EngineStep::Way{EngineStep::Grouping::kNone, 0}));
      contenders_.back().settling_steps = IterationsToSettle(of_mode);
    }
    return Status::Ok();
  }

  void Add(NegotiationRow row, std::unique_ptr<GradientStep> step) {
    contenders_.push_back({.row = std::move(row), .step = std::move(step)});
  }

  Status TakeTurn(Contender& one, int untimed, int samples) {
    RONDE_RETURN_IF_ERROR(one.step->Begin());
    one.step->tensors().Fill(direct_.rank());
    for (int i = 0; i < untimed; ++i) {
      RONDE_RETURN_IF_ERROR(one.step->Prepare());
      RONDE_RETURN_IF_ERROR(one.step->Run());
    }
    const SteadyClock clock;
    std::vector<double> taken;
    for (int i = 0; i < samples; ++i) {
      RONDE_RETURN_IF_ERROR(one.step->Prepare());
      const std::int64_t start_ns = clock.NowNs();
      RONDE_RETURN_IF_ERROR(one.step->Run());
      taken.push_back(static_cast<double>(clock.NowNs() - start_ns) / 1e3);
    }
    one.step->End();
    if (samples == 0) return Status::Ok();
    RONDE_RETURN_IF_ERROR(direct_.Max(taken));
    one.rounds.push_back(std::move(taken));
    return Status::Ok();
  }

  Status Check(Contender& one) {
    std::vector<double> wrong = {0};
    for (int i = 0; i < options_.check_calls; ++i) {
      RONDE_RETURN_IF_ERROR(one.step->Begin());
      one.step->tensors().Fill(direct_.rank());
      RONDE_RETURN_IF_ERROR(one.step->Prepare());
      RONDE_RETURN_IF_ERROR(one.step->Run());
      const std::int64_t mine =
          one.step->tensors().CountWrong(set_.op, direct_.rank(), direct_.size());
      wrong[0] += static_cast<double>(mine);
      one.step->End();
    }
    RONDE_RETURN_IF_ERROR(direct_.Sum(wrong));
    one.row.wrong = static_cast<std::int64_t>(wrong[0]);
    return Status::Ok();
  }

  Status Report(NegotiationTable& table) {
    const Contender* bare = nullptr;
    const Contender* flat = nullptr;
    for (std::size_t i = 0; i < contenders_.size(); ++i) {
      Contender& one = contenders_[i];
      if (one.row.way == "bare") {  // begins the ways of its buffers
        bare = &one;
        flat = &contenders_[i + 1];
      }
      one.row.negotiation_us = MedianOfRounds(one, *bare, std::minus<>());
      one.row.ratio_to_flat = MedianOfRounds(one, *flat, std::divides<>());
      std::vector<double> all;
      for (const auto& round : one.rounds) all.insert(all.end(), round.begin(), round.end());
      one.row.timing = Summarize(std::move(all));
      table.rows.push_back(one.row);
    }
    return Status::Ok();
  }

  const BenchOptions& options_;
  const Config& config_;
  DirectRunner& direct_;
  const SessionMaker& make_session_;
  const GradientSet set_;
  std::optional<GradientTensors> separate_;
  std::optional<GradientTensors> flat_;
  std::optional<GradientTensors> registered_;
  std::vector<Contender> contenders_;
};

}  // namespace

Status MeasureNegotiation(const BenchOptions& options, const Config& config, DirectRunner& direct,
                          const SessionMaker& make_session,
                          const std::function<void(const NegotiationTable&)>& sink) {
  RONDE_ASSIGN_OR_RETURN(const auto counts, GradientCounts(options.gradients->model));
  RONDE_RETURN_IF_ERROR(LetRanksSpread(direct));
  for (const DataType dtype : options.dtypes) {
    for (const ReduceOp op : options.ops) {
      GradientSet set = {counts, dtype, op};
      NegotiationTable table = {.model = options.gradients->model,
                                .tensors = static_cast<std::int64_t>(counts.size()),
                                .dtype = dtype,
                                .op = op,
                                .ranks = direct.size(),
                                .samples = options.iterations,
                                .checked = options.check_calls > 0};
      table.size_bytes = set.TotalCount() * static_cast<std::int64_t>(SizeOf(dtype));
      NegotiationBenchmark benchmark(options, config, direct, make_session, std::move(set));
      RONDE_RETURN_IF_ERROR(benchmark.Measure(table));
      sink(table);
    }
  }
  return Status::Ok();
}

}  // namespace ronde::bench
