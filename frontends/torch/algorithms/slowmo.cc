#include "frontends/torch/slowmo.h"

#include "frontends/torch/algorithms/phased_algorithm.h"

namespace ronde {
namespace {

class SlowMoAlgorithm final : public PhasedAlgorithm {
 public:
  SlowMoAlgorithm(const TrainingContext& context, const AlgorithmOptions& options)
      : PhasedAlgorithm("slowmo", context, options),
        outer_(context.parameters, {options.slow_momentum, options.slow_lr}) {}

  void BeginStep(std::int64_t step) override {
    PhasedAlgorithm::BeginStep(step);
    // The weights after step T, before the first local step changes them.
    if (step - 1 == switch_step()) outer_.Anchor();
  }

  NamedTensors State() override {
    return {{"slowmo.anchor", outer_.anchor()}, {"slowmo.slow_buffer", outer_.slow_buffer()}};
  }

 protected:
  void AfterAverage(double learning_rate) override { outer_.Step(learning_rate); }

 private:
  SlowMo outer_;
};

std::unique_ptr<TrainingAlgorithm> Create(const TrainingContext& context,
                                          const AlgorithmOptions& options) {
  return std::make_unique<SlowMoAlgorithm>(context, options);
}

}  // namespace

/// Post-local (T = 0: local) SGD with slow momentum over the averages.
/// Source: Wang, Tantia, Ballas, Rabbat, SlowMo, ICLR 2020.
extern const AlgorithmSpec kSlowmoAlgorithm;
const AlgorithmSpec kSlowmoAlgorithm{.name = "slowmo",
                                     .summary = "post-local with slow momentum at each average",
                                     .uses_local_steps = true,
                                     .uses_switch_step = true,
                                     .uses_momentum_at_average = true,
                                     .uses_slow_momentum = true,
                                     .create = &Create};

}  // namespace ronde
