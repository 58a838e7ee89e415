#include "frontends/torch/algorithms/phased_algorithm.h"

#include <chrono>
#include <cstddef>

#include "core/base/strcat.h"
#include "frontends/torch/clip_gradients.h"
#include "frontends/torch/error.h"

namespace ronde {
namespace {

// Larger than on the host: a bucket costs the same few microseconds of launches and of waiting
// whatever its size, and the backward pass makes gradients much faster.
constexpr std::size_t kDeviceBucketBytes = std::size_t{8} << 20;

DistributedOptimizerOptions OptimizerOptions(const TrainingContext& context,
                                             const AlgorithmOptions& options) {
  DistributedOptimizerOptions chosen;
  chosen.backward_passes_per_step = options.accumulation_steps;
  chosen.before_sending = context.before_sending;
  if (!context.parameters.flat().device().is_cuda()) return chosen;
  chosen.bucket_size_bytes = kDeviceBucketBytes;
  chosen.gradient_as_bucket_view = context.session.size() > 1;
  return chosen;
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
                   OptimizerOptions(context, options)),
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
  ClipGradientNorm(context_.module.parameters(), max_gradient_norm_);
}

template <typename Function>
void PhasedAlgorithm::Spend(StepPart part, double& seconds, const Function& what) {
  const auto start = std::chrono::steady_clock::now();
  what();
  seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (context_.after_part) context_.after_part(part);
}

StepReport PhasedAlgorithm::FinishStep(std::int64_t step, double learning_rate) {
  StepReport report;
  Spend(StepPart::kOptimizer, report.seconds_optimizer, [&] {
    FinishWorker(step);
    if (!SumsGradientsHere(step)) return;
    gradient_sum_.Finish();
    distributed_.set_synchronizing(true);
  });
  if (phase(step) == Phase::kMinibatch) {
    Spend(StepPart::kCommunication, report.seconds_communication,
          [this] { distributed_.Synchronize(); });
    Spend(StepPart::kOptimizer, report.seconds_optimizer, [this] {
      ClipGradients();
      distributed_.Step();
    });
    report.synchronized = true;
  }
  if (averager_.schedule().Due(step)) Average(step, learning_rate, report);
  return report;
}

void PhasedAlgorithm::Average(std::int64_t step, double learning_rate, StepReport& report) {
  Spend(StepPart::kOptimizer, report.seconds_optimizer, [this] {
    divergence_.Remember();
    local_average_.Gather();
  });
  Spend(StepPart::kCommunication, report.seconds_communication, [&] { averager_.Step(step); });
  Spend(StepPart::kOptimizer, report.seconds_optimizer, [&] {
    const at::Tensor divergence = divergence_.Measure();
    if (divergence.device().is_cpu()) {
      report.worker_divergence = divergence.item<double>();
    } else {
      report.worker_divergence_on_device = divergence;
    }
    AfterAverage(learning_rate);
    local_average_.Spread();
  });
  report.synchronized = true;
}

}  // namespace ronde
