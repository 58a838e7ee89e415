#include "frontends/torch/distributed_optimizer.h"

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/function_hook.h>
#include <torch/csrc/autograd/variable.h>

#include "core/base/strcat.h"
#include "frontends/torch/error.h"

namespace ronde {
namespace {

using torch::autograd::Node;
using torch::autograd::variable_list;

// Runs after the gradient has been accumulated, unlike Tensor::register_hook.
class AccumulatedHook final : public torch::autograd::FunctionPostHook {
 public:
  explicit AccumulatedHook(std::function<void()> action) : action_(std::move(action)) {}
  variable_list operator()(const variable_list& outputs, const variable_list&) override {
    action_();
    return outputs;
  }

 private:
  std::function<void()> action_;
};

struct Parameter {
  std::string name;
  at::Tensor tensor;
  std::shared_ptr<Node> accumulator;  // the tensor holds it weakly: without us hooks would vanish
  std::uintptr_t hook = 0;
  Handle handle;
  bool in_flight = false;
};

}  // namespace

struct DistributedOptimizer::Impl {
  Impl(Session& session_in, torch::optim::Optimizer& optimizer_in,
       DistributedOptimizerOptions options_in)
      : session(session_in), optimizer(optimizer_in), options(std::move(options_in)) {}
  ~Impl() {
    for (Parameter& parameter : parameters) parameter.accumulator->del_post_hook(parameter.hook);
  }

  void AddHook(std::size_t index);
  void OnAccumulated(std::size_t index);
  void Submit(Parameter& parameter);
  [[nodiscard]] bool AnyInFlight() const;
  void RequireNothingInFlight(const char* call) const;

  Session& session;
  torch::optim::Optimizer& optimizer;
  DistributedOptimizerOptions options;
  mutable std::mutex mutex;  // guards what follows: hooks may run on autograd's threads
  std::vector<Parameter> parameters;
  bool synchronizing = true;
  bool synchronized = false;  // gradients are the averages already
};

void DistributedOptimizer::Impl::AddHook(std::size_t index) {
  Parameter& parameter = parameters[index];
  parameter.accumulator = torch::autograd::impl::grad_accumulator(parameter.tensor);
  parameter.hook = parameter.accumulator->add_post_hook(
      std::make_unique<AccumulatedHook>([this, index] { OnAccumulated(index); }));
}

void DistributedOptimizer::Impl::OnAccumulated(std::size_t index) {
  const std::lock_guard lock(mutex);
  if (!synchronizing) return;
  Parameter& parameter = parameters[index];
  if (parameter.in_flight) {
    throw Error(Status::InvalidArgument(
        StrCat("gradient of '", parameter.name,
               "' was computed again before Step(); put all backward passes of a step but the last "
               "inside a SkipSynchronize scope")));
  }
  synchronized = false;
  Submit(parameter);
}

void DistributedOptimizer::Impl::Submit(Parameter& parameter) {
  at::Tensor& gradient = parameter.tensor.mutable_grad();
  if (!gradient.defined()) gradient = at::zeros_like(parameter.tensor.detach());
  const TensorView view = ToTensorView(gradient, "gradient of " + parameter.name);
  AllreduceOptions allreduce;
  allreduce.op = options.op;
  parameter.handle =
      session.AllreduceAsync(options.name_prefix + parameter.name, view, view, allreduce);
  parameter.in_flight = true;
  // Keeps the memory until the engine is done with it, whatever becomes of parameter and hooks.
  parameter.handle.OnComplete([gradient](const Status&) {});
}

bool DistributedOptimizer::Impl::AnyInFlight() const {
  for (const Parameter& parameter : parameters) {
    if (parameter.in_flight) return true;
  }
  return false;
}

void DistributedOptimizer::Impl::RequireNothingInFlight(const char* call) const {
  if (!AnyInFlight()) return;
  throw Error(Status::InvalidArgument(
      StrCat(call, ": gradients are in flight; call Step() or Synchronize() first")));
}

DistributedOptimizer::DistributedOptimizer(Session& session, torch::optim::Optimizer& optimizer,
                                           const NamedTensors& parameters,
                                           DistributedOptimizerOptions options)
    : impl_(std::make_unique<Impl>(session, optimizer, std::move(options))) {
  for (const auto& [name, tensor] : parameters) {
    if (!tensor.requires_grad()) continue;
    Parameter parameter;
    parameter.name = name;
    parameter.tensor = tensor;
    impl_->parameters.push_back(std::move(parameter));
    impl_->AddHook(impl_->parameters.size() - 1);
  }
}

DistributedOptimizer::DistributedOptimizer(Session& session, torch::optim::Optimizer& optimizer,
                                           const torch::nn::Module& module,
                                           DistributedOptimizerOptions options)
    : DistributedOptimizer(session, optimizer, NamedParameters(module), std::move(options)) {}

DistributedOptimizer::~DistributedOptimizer() = default;

void DistributedOptimizer::Synchronize() {
  const std::lock_guard lock(impl_->mutex);
  if (!impl_->synchronizing || impl_->synchronized) return;
  const torch::NoGradGuard no_grad;
  for (Parameter& parameter : impl_->parameters) {
    if (!parameter.in_flight) impl_->Submit(parameter);
  }
  Status first_failure;
  for (Parameter& parameter : impl_->parameters) {
    const Status status = parameter.handle.Wait();
    parameter.in_flight = false;
    if (!status.ok() && first_failure.ok()) first_failure = status;
  }
  ThrowIfError(first_failure);
  impl_->synchronized = true;
}

void DistributedOptimizer::Step() {
  Synchronize();
  impl_->optimizer.step();
  const std::lock_guard lock(impl_->mutex);
  impl_->synchronized = false;
}

void DistributedOptimizer::ZeroGrad() {
  const std::lock_guard lock(impl_->mutex);
  impl_->RequireNothingInFlight("ZeroGrad");
  impl_->optimizer.zero_grad();
  impl_->synchronized = false;
}

void DistributedOptimizer::set_synchronizing(bool on) {
  const std::lock_guard lock(impl_->mutex);
  if (on == impl_->synchronizing) return;
  impl_->RequireNothingInFlight("set_synchronizing");
  impl_->synchronizing = on;
  impl_->synchronized = false;
}

bool DistributedOptimizer::synchronizing() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->synchronizing;
}

torch::optim::Optimizer& DistributedOptimizer::optimizer() const { return impl_->optimizer; }

}  // namespace ronde
