#include "frontends/torch/algorithms/phased_algorithm.h"

namespace ronde {
namespace {

std::unique_ptr<TrainingAlgorithm> Create(const TrainingContext& context,
                                          const AlgorithmOptions& options) {
  AlgorithmOptions used = options;
  used.switch_step = 0;
  return std::make_unique<PhasedAlgorithm>("local", context, used);
}

}  // namespace

/// Local SGD: independent steps; weights are averaged after every H-th.
/// Source: Stich, Local SGD Converges Fast and Communicates Little, ICLR 2019.
extern const AlgorithmSpec kLocalAlgorithm;
const AlgorithmSpec kLocalAlgorithm{.name = "local",
                                    .summary = "independent steps, average weights every H steps",
                                    .uses_local_steps = true,
                                    .uses_momentum_at_average = true,
                                    .create = &Create};

}  // namespace ronde
