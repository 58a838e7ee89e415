#include "frontends/torch/algorithms/phased_algorithm.h"

namespace ronde {
namespace {

std::unique_ptr<TrainingAlgorithm> Create(const TrainingContext& context,
                                          const AlgorithmOptions& options) {
  return std::make_unique<PhasedAlgorithm>("post-local", context, options);
}

}  // namespace

/// Post-local SGD: minibatch up to step T, then local with the window counted from T.
/// Source: Lin, Stich, Patel, Jaggi, Don't Use Large Mini-Batches, Use Local SGD, ICLR 2020.
extern const AlgorithmSpec kPostLocalAlgorithm;
const AlgorithmSpec kPostLocalAlgorithm{.name = "post-local",
                                        .summary = "minibatch up to step T, then local",
                                        .uses_local_steps = true,
                                        .uses_switch_step = true,
                                        .uses_momentum_at_average = true,
                                        .create = &Create};

}  // namespace ronde
