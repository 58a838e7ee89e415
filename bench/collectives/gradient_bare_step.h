#pragma once

#include <memory>
#include <vector>

#include "bench/collectives/direct_runner.h"
#include "bench/collectives/gradient_step.h"
#include "core/base/config.h"
#include "core/control/executor.h"

namespace ronde::bench {

/// What an engine would run if all ranks had asked for all tensors already: the same executor, the
/// same batches, the same algorithms, without a control plane and on the caller's thread.
class BareStep final : public GradientStep {
 public:
  /// Borrows all.
  BareStep(DirectRunner& direct, const Config& config, const GradientSet& set,
           const GradientTensors& tensors)
      : direct_(direct), config_(config), set_(set), tensors_(tensors) {}

  Status Begin() override;
  Status Prepare() override;
  Status Run() override;
  void End() override { executor_.reset(); }
  [[nodiscard]] const GradientTensors& tensors() const override { return tensors_; }

 private:
  [[nodiscard]] Request RequestFor(std::size_t tensor) const;

  DirectRunner& direct_;
  const Config& config_;
  const GradientSet& set_;
  const GradientTensors& tensors_;
  std::unique_ptr<Executor> executor_;
  std::vector<ReadyOperation> operations_;
  std::vector<Handle> handles_;
};

}  // namespace ronde::bench
