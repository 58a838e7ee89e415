#include "frontends/torch/algorithms/phased_algorithm.h"

#include <chrono>

#include "core/base/strcat.h"
#include "frontends/torch/error.h"

namespace ronde {
namespace {

template <typename Function>
double SecondsOf(const Function& function) {
  const auto start = std::chrono::steady_clock::now();
  function();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

std::int64_t CheckedSwitchStep(std::int64_t switch_step) {
  if (switch_step >= 0) return switch_step;
  throw Error(
      Status::InvalidArgument(StrCat("the switch step must be at least 0, got ", switch_step)));
}

}  // namespace

PhasedAlgorithm::PhasedAlgorithm(std::string_view name, const TrainingContext& context,
                                 const AlgorithmOptions& options)
    : name_(name),
      context_(context),
      switch_step_(CheckedSwitchStep(options.switch_step)),
      distributed_(context.session, context.optimizer, context.module),
      averager_(context.session, context.parameters, {options.local_steps, switch_step_},
                {options.momentum, &context.optimizer}),
      divergence_(context.parameters) {}

Phase PhasedAlgorithm::phase(std::int64_t step) const {
  return step <= switch_step_ ? Phase::kMinibatch : Phase::kLocal;
}

void PhasedAlgorithm::BeginStep(std::int64_t step) {
  distributed_.set_synchronizing(phase(step) == Phase::kMinibatch);
}

StepReport PhasedAlgorithm::FinishStep(std::int64_t step, double learning_rate) {
  StepReport report;
  report.synchronized = phase(step) == Phase::kMinibatch;
  if (report.synchronized) {
    report.seconds_communication += SecondsOf([this] { distributed_.Synchronize(); });
  }
  report.seconds_optimizer += SecondsOf([this] { distributed_.Step(); });
  if (!averager_.schedule().Due(step)) return report;
  report.seconds_optimizer += SecondsOf([this] { divergence_.Remember(); });
  report.seconds_communication += SecondsOf([&] { averager_.Step(step); });
  report.seconds_optimizer += SecondsOf([&] {
    report.worker_divergence = divergence_.Measure();
    AfterAverage(learning_rate);
  });
  report.synchronized = true;
  return report;
}

}  // namespace ronde
