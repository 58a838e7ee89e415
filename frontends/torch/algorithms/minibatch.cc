#include "frontends/torch/algorithms/phased_algorithm.h"

namespace ronde {
namespace {

std::unique_ptr<TrainingAlgorithm> Create(const TrainingContext& context,
                                          const AlgorithmOptions& options) {
  AlgorithmOptions used = options;
  used.switch_step = PhasedAlgorithm::kNever;
  used.local_steps = 1;
  used.momentum = MomentumAtAverage::kKeep;
  return std::make_unique<PhasedAlgorithm>("minibatch", context, used);
}

}  // namespace

/// Synchronous data-parallel SGD: gradients are averaged over ranks at every step.
extern const AlgorithmSpec kMinibatchAlgorithm;
const AlgorithmSpec kMinibatchAlgorithm{
    .name = "minibatch", .summary = "average gradients at every step", .create = &Create};

}  // namespace ronde
