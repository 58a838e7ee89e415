// ronde-train: trains a ResNet with several workers.

#include <algorithm>
#include <cstdio>
#include <exception>
#include <memory>
#include <utility>
#include <variant>

#include <ATen/Parallel.h>

#include "core/base/log.h"
#include "core/base/program.h"
#include "core/comm/topology.h"
#include "frontends/resnet/agreed_error.h"
#include "frontends/resnet/checkpoint/prepare.h"
#include "frontends/resnet/compute_place.h"
#include "frontends/resnet/keep_freed_memory.h"
#include "frontends/resnet/option_rules.h"
#include "frontends/resnet/options.h"
#include "frontends/resnet/run_output.h"
#include "frontends/resnet/signals.h"
#include "frontends/resnet/trainer.h"
#include "frontends/resnet/training_data.h"
#include "frontends/torch/algorithms/training_algorithm.h"

namespace ronde {
namespace {

constexpr char kProgramName[] = "ronde-train";
constexpr int kSignalBase = 128;  // of exit codes

std::vector<AlgorithmFlags> FlagsOfAlgorithms() {
  std::vector<AlgorithmFlags> flags;
  for (const std::string_view name : AlgorithmNames()) {
    const AlgorithmSpec& spec = *FindAlgorithm(name);
    flags.push_back({std::string(name), spec.uses_local_steps, spec.uses_switch_step,
                     spec.uses_momentum_at_average, spec.uses_slow_momentum});
  }
  return flags;
}

// The cores that this process may use, shared among the ranks of the host.
int ChooseThreads(const TrainOptions& options, const Session& session) {
  if (options.threads > 0) return options.threads;
  return std::max(1, AvailableCores() / session.local_size());
}

Status ToStatus(const std::exception& error) {
  const std::string text = error.what();
  return Status::Internal(text.substr(0, text.find('\n')));
}

Result<ComputePlace> OpenPlace(const Session& session, const TrainOptions& options) {
  try {
    return OpenComputePlace(options, session.local_rank(), session.local_size(), AvailableCores());
  } catch (const std::exception& error) {  // libtorch's own complaint of the driver
    return ToStatus(error);
  }
}

// Gives the signal that has stopped the run, 0 for none.
Result<int> Train(Session& session, const TrainOptions& options, const TrainingData& data,
                  const CheckpointPlan& plan, const ComputePlace& place, RunOutput& output) {
  try {
    const int threads = ChooseThreads(options, session);
    at::set_num_threads(threads);
    at::set_num_interop_threads(1);
    const SteadyClock clock;
    return Trainer(session, options, data, plan, place, output, clock, threads).Run();
  } catch (const AgreedError&) {
    throw;
  } catch (const Error& error) {
    return Status(error.code(), error.what());
  } catch (const std::exception& error) {
    return ToStatus(error);
  }
}

// One line for one failure. Of several ranks, the session of the one that failed first has it said.
int EndWithFailure(Session& session, const Status& failure) {
  session.Abort(failure);
  static_cast<void>(session.Shutdown());
  if (session.size() == 1) {
    std::fprintf(stderr, "%s: %s\n", kProgramName, failure.message().c_str());
  }
  return ExitCodeFor(failure);
}

// One line for what all ranks have agreed on: rank 0 says it.
int EndAlike(Session& session, const Status& failure) {
  static_cast<void>(session.Shutdown());
  return ReportBadInput(kProgramName, failure);
}

Result<CheckpointPlan> Prepare(Session& session, const TrainOptions& options,
                               const TrainingData& data) {
  const TrajectoryFacts facts = {data.training->size(), data.validation->size(),
                                 FindAlgorithm(options.algorithm)->uses_switch_step};
  return PrepareCheckpoints(session, options.checkpoint,
                            {TrajectoryOf(options, facts), options.workers, options.epochs});
}

void SayWarnings(const Session& session, const CheckpointPlan& plan, const ComputePlace& place) {
  if (session.rank() != 0) return;
  if (!place.warning.empty()) {
    std::fprintf(stderr, "%s: warning: %s\n", kProgramName, place.warning.c_str());
  }
  for (const std::string& warning : plan.warnings) {
    std::fprintf(stderr, "%s: warning: a checkpoint cannot be used: %s\n", kProgramName,
                 warning.c_str());
  }
}

int Run(TrainOptions options) {
  Result<std::unique_ptr<Session>> created = Session::Create(options.config);
  if (!created.ok()) return ReportBadInput(kProgramName, created.status());
  Session& session = *created.value();

  Result<RunOutput> output = RunOutput::Open(options, session.rank());
  const Status fits = CompleteForRanks(options, session.size());
  Result<TrainingData> data = fits.ok() ? LoadTrainingData(options) : fits;
  const Status prepared = session.AgreeOnStatus(output.ok() ? data.status() : output.status());
  if (!prepared.ok()) return EndAlike(session, prepared);
  Result<ComputePlace> place = OpenPlace(session, options);
  const Status opened = session.AgreeOnStatus(place.status());
  if (!opened.ok()) return EndAlike(session, opened);
  Result<CheckpointPlan> plan = Prepare(session, options, data.value());
  if (!plan.ok()) return EndAlike(session, plan.status());
  SayWarnings(session, plan.value(), place.value());
  Result<int> trained = 0;
  try {
    trained = Train(session, options, data.value(), plan.value(), place.value(), output.value());
  } catch (const AgreedError& error) {
    return EndAlike(session, {error.code(), error.what()});
  }
  if (!trained.ok()) return EndWithFailure(session, trained.status());
  const Status ended = session.Shutdown();
  if (!ended.ok()) return EndWithFailure(session, ended);

  if (trained.value() != 0) {
    output.value().Abandon();
    return kSignalBase + trained.value();
  }
  const Status drawn = output.value().Finish();
  if (!drawn.ok()) std::fprintf(stderr, "%s: warning: %s\n", kProgramName, drawn.message().c_str());
  return 0;
}

}  // namespace
}  // namespace ronde

int main(int argc, char** argv) {
  ronde::KeepFreedMemory();
  const std::vector<ronde::AlgorithmFlags> algorithms = ronde::FlagsOfAlgorithms();
  auto parsed = ronde::ParseTrainOptions(argc, argv, algorithms);
  if (const int* code = std::get_if<int>(&parsed)) return *code;
  auto& options = std::get<ronde::TrainOptions>(parsed);
  options.checkpoint.writes() ? ronde::StopOnSignals() : ronde::ExitOnSignals();
  return ronde::Run(std::move(options));
}
