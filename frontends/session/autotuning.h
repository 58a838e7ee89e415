#pragma once

#include <memory>
#include <utility>

#include "collectives/autotune_output.h"
#include "collectives/collective_context.h"
#include "core/autotuning/autotuner.h"
#include "core/base/clock.h"
#include "core/base/config.h"
#include "core/base/status.h"
#include "core/control/tunables.h"

namespace ronde {

/// What rank 0 of a session has under --autotune: the autotuner and where its findings go.
/// Thread rule: see Autotuner.
class Autotuning {
 public:
  /// Null where there is nothing to tune: on ranks above 0, on one rank alone, without --autotune.
  /// `config` is what the job runs with; what a flag or the environment has set stays as it is.
  /// `context` must outlive the result. Errors: those of AutotuneOutput.
  [[nodiscard]] static Result<std::unique_ptr<Autotuning>> Create(const Config& config,
                                                                  CollectiveContext& context);

  [[nodiscard]] Autotuner& autotuner() { return autotuner_; }

 private:
  Autotuning(std::unique_ptr<AutotuneOutput> output, const Tunables& defaults,
             const AutotuneOptions& options)
      : output_(std::move(output)), autotuner_(defaults, options, clock_, output_.get()) {}

  SteadyClock clock_;
  std::unique_ptr<AutotuneOutput> output_;
  Autotuner autotuner_;
};

}  // namespace ronde
