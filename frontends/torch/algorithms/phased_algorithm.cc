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

std::unique_ptr<LocalWorkers> OneWorkerUnlessGiven(const TrainingContext& context) {
  if (context.workers != nullptr) return nullptr;
  return std::make_unique<LocalWorkers>(context.module, context.parameters, 1);
}

}  // namespace

PhasedAlgorithm::PhasedAlgorithm(std::string_view name, const TrainingContext& context,
                                 const AlgorithmOptions& options)
    : name_(name),
      context_(context),
      switch_step_(CheckedSwitchStep(options.switch_step)),
      max_gradient_norm_(options.max_gradient_norm),
      owned_workers_(OneWorkerUnlessGiven(context)),
      workers_(context.workers != nullptr ? *context.workers : *owned_workers_),
      distributed_(context.session, context.optimizer, context.module,
                   {.backward_passes_per_step = options.accumulation_steps}),
      gradient_sum_(context.module.parameters()),
      averager_(context.session, context.parameters, {options.local_steps, switch_step_},
                {options.momentum, &context.optimizer, context.workers}),
      local_average_(workers_, options.momentum),
      divergence_(workers_),
      classic_(dynamic_cast<ClassicSgd*>(&context.optimizer)) {}

Phase PhasedAlgorithm::phase(std::int64_t step) const {
  return step <= switch_step_ ? Phase::kMinibatch : Phase::kLocal;
}

// With one worker, gradients travel while the backward pass goes on; with several, once all of this
// rank's are added up.
bool PhasedAlgorithm::SumsGradientsHere(std::int64_t step) const {
  return phase(step) == Phase::kMinibatch && workers_.count() > 1;
}

void PhasedAlgorithm::BeginStep(std::int64_t step) {
  const bool minibatch = phase(step) == Phase::kMinibatch;
  if (minibatch) {
    workers_.ShareWeights();
  } else {
    workers_.UnshareWeights();
  }
  workers_.Activate(0);
  if (classic_ != nullptr) previous_learning_rates_ = classic_->previous_learning_rates();
  distributed_.set_synchronizing(minibatch && workers_.count() == 1);
}

void PhasedAlgorithm::NextWorker(std::int64_t step) {
  FinishWorker(step);
  workers_.Activate(workers_.active() + 1);
  // The next worker's momentum is still in the unit that this one's step has left behind.
  if (classic_ != nullptr) classic_->set_previous_learning_rates(previous_learning_rates_);
}

void PhasedAlgorithm::FinishWorker(std::int64_t step) {
  if (SumsGradientsHere(step)) gradient_sum_.Add();
  if (phase(step) == Phase::kMinibatch) return;
  ClipGradients();
  distributed_.Step();
}

void PhasedAlgorithm::ClipGradients() {
  if (max_gradient_norm_ == 0) return;
  torch::nn::utils::clip_grad_norm_(context_.module.parameters(), max_gradient_norm_);
}

StepReport PhasedAlgorithm::FinishStep(std::int64_t step, double learning_rate) {
  StepReport report;
  report.seconds_optimizer += SecondsOf([&] {
    FinishWorker(step);
    if (!SumsGradientsHere(step)) return;
    gradient_sum_.Finish();
    distributed_.set_synchronizing(true);
  });
  if (phase(step) == Phase::kMinibatch) {
    report.seconds_communication += SecondsOf([this] { distributed_.Synchronize(); });
    report.seconds_optimizer += SecondsOf([this] {
      ClipGradients();
      distributed_.Step();
    });
    report.synchronized = true;
  }
  if (averager_.schedule().Due(step)) Average(step, learning_rate, report);
  return report;
}

void PhasedAlgorithm::Average(std::int64_t step, double learning_rate, StepReport& report) {
  report.seconds_optimizer += SecondsOf([this] {
    divergence_.Remember();
    local_average_.Gather();
  });
  report.seconds_communication += SecondsOf([&] { averager_.Step(step); });
  report.seconds_optimizer += SecondsOf([&] {
    report.worker_divergence = divergence_.Measure();
    AfterAverage(learning_rate);
    local_average_.Spread();
  });
  report.synchronized = true;
}

}  // namespace ronde
