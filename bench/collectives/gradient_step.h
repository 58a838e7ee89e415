#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bench/collectives/gradient_tensors.h"
#include "bench/collectives/runner.h"
#include "core/base/config.h"
#include "core/control/handle.h"
#include "frontends/session/session.h"

namespace ronde::bench {

/// One way of reducing a model's gradients. Thread rule: one thread.
class GradientStep {
 public:
  virtual ~GradientStep() = default;
  /// Collective. Between Begin and End it alone communicates; see CollectiveRunner.
  virtual Status Begin() = 0;
  /// Untimed, before each Run.
  virtual Status Prepare() { return Status::Ok(); }
  /// Collective, blocking: all gradients, in place.
  virtual Status Run() = 0;
  /// Collective.
  virtual void End() = 0;
  /// Between Begin and End.
  [[nodiscard]] virtual const GradientTensors& tensors() const = 0;
};

/// One call of a runner for each tensor, or one for all of them where they are packed.
class CallsStep final : public GradientStep {
 public:
  /// How tensors get to the runner.
  struct Calls {
    bool flat = false;
    /// Not 1: the runner's results are multiplied by it, call by call: a library without averages.
    double scale = 1;
  };
  /// Borrows all; `set.op` is what the runner is asked for.
  CallsStep(CollectiveRunner& runner, const GradientSet& set, const GradientTensors& tensors,
            const Calls& calls)
      : runner_(runner), set_(set), tensors_(tensors), how_(calls) {}

  Status Begin() override;
  Status Run() override;
  void End() override { runner_.End(); }
  [[nodiscard]] const GradientTensors& tensors() const override { return tensors_; }

 private:
  void AppendCall(std::byte* data, std::int64_t count);

  CollectiveRunner& runner_;
  const GradientSet& set_;
  const GradientTensors& tensors_;
  Calls how_;
  std::vector<CollectiveCall> calls_;
};

/// Through a session's engine. The session lives from Begin to End.
class EngineStep final : public GradientStep {
 public:
  using SessionFactory = std::function<Result<std::unique_ptr<Session>>()>;
  enum class Grouping { kNone, kAll, kBuckets };
  struct Way {
    Grouping grouping = Grouping::kAll;
    /// Neighbours are one bucket, which is closed as soon as it has this many bytes.
    std::size_t bucket_size_bytes = 0;
  };
  /// In `tensors`, or in registered memory of the session's, packed, where they are null.
  EngineStep(SessionFactory make_session, const GradientSet& set, const GradientTensors* tensors,
             const Way& way);

  Status Begin() override;
  Status Run() override;
  void End() override;
  [[nodiscard]] const GradientTensors& tensors() const override {
    return registered_ ? *registered_ : *tensors_;
  }

 private:
  // Tensors that are one operation.
  struct Operation {
    std::string name;
    std::vector<TensorView> views;
  };
  void MakeOperations();

  SessionFactory make_session_;
  const GradientSet& set_;
  const GradientTensors* tensors_;
  Way way_;
  std::unique_ptr<Session> session_;
  std::unique_ptr<GradientTensors> registered_;
  std::vector<Operation> operations_;
  std::vector<Handle> handles_;
};

}  // namespace ronde::bench
