#include "frontends/torch/distributed_optimizer.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "core/base/strcat.h"
#include "frontends/torch/error.h"
#include "frontends/torch/flat_gradients.h"
#include "frontends/torch/gradient_hook.h"

namespace ronde {
namespace {

constexpr std::size_t kNamedInErrors = 4;

struct Parameter {
  std::string name;
  std::string operation;    // the name that all ranks know
  std::string description;  // for messages
  at::Tensor tensor;
  std::optional<GradientHook> hook;
  bool in_flight = false;  // from the hook until it has been waited for
  at::Tensor gradient;     // while in flight: what travels,
  TensorView view;         // and where it lies
  Handle handle;           // valid once submitted
  int passes = 0;          // backward passes since the last synchronisation
};

// What became of the gradients that did not arrive, in one line.
Status DescribeFailure(const Status& first, const std::vector<const Parameter*>& failed,
                       std::int64_t step) {
  if (first.code() != StatusCode::kShutdown) return first;
  std::string names;
  for (std::size_t i = 0; i < failed.size() && i < kNamedInErrors; ++i) {
    names += StrCat(i == 0 ? "'" : ", '", failed[i]->name, "'");
  }
  if (failed.size() > kNamedInErrors) {
    names += StrCat(" and ", failed.size() - kNamedInErrors, " more");
  }
  return Status::Shutdown(StrCat("optimizer step ", step, ": ", first.message(), "; ",
                                 failed.size(), failed.size() == 1 ? " gradient" : " gradients",
                                 " waited: ", names,
                                 "; give all ranks the same number of steps (equal batches)"));
}

}  // namespace

struct DistributedOptimizer::Impl {
  Impl(Session& session_in, torch::optim::Optimizer& optimizer_in,
       DistributedOptimizerOptions options_in)
      : session(session_in), optimizer(optimizer_in), options(std::move(options_in)) {}

  void AddParameters(const NamedTensors& named);
  void OnAccumulated(std::size_t index);
  void Queue(Parameter& parameter, std::size_t index);
  void SubmitQueued();
  at::Tensor& PrepareGradient(std::size_t index);
  void AwaitAll();
  void AverageOverPasses();
  void ForgetPasses();
  void ArmHooks();
  at::Tensor ReduceLoss(const at::Tensor& loss);
  [[nodiscard]] bool AnyInFlight() const;
  void RequireNothingInFlight(const char* call) const;
  [[nodiscard]] double ShareOfPass() const {
    return options.average_aggregated_gradients ? 1.0 / options.backward_passes_per_step : 1.0;
  }

  Session& session;
  torch::optim::Optimizer& optimizer;
  const DistributedOptimizerOptions options;
  mutable std::mutex mutex;  // guards what follows: hooks may run on autograd's threads
  std::deque<Parameter> parameters;
  std::vector<Parameter*> queued;  // in flight, but not submitted yet
  std::size_t queued_bytes = 0;
  std::unique_ptr<FlatGradients> flat;  // null: gradients lie where autograd puts them
  bool synchronizing = true;
  bool synchronized = false;  // gradients are the averages already
  std::int64_t steps = 0;
};

void DistributedOptimizer::Impl::AddParameters(const NamedTensors& named) {
  std::set<std::string> names;
  std::set<const void*> known;
  std::vector<at::Tensor> tensors;
  for (const auto& [name, tensor] : named) {
    if (!at::isFloatingType(tensor.scalar_type()) && !tensor.requires_grad()) continue;
    if (!known.insert(tensor.unsafeGetTensorImpl()).second) continue;
    if (!names.insert(name).second || !tensor.is_leaf()) {
      throw Error(Status::InvalidArgument(
          StrCat("DistributedOptimizer: parameter '", name,
                 tensor.is_leaf() ? "' is the name of two tensors; names must differ"
                                  : "' is computed from other tensors; pass those")));
    }
    Parameter& parameter = parameters.emplace_back();
    parameter.name = name;
    parameter.operation = options.name_prefix + name;
    parameter.description = StrCat("gradient of '", name, "'");
    parameter.tensor = tensor;
    tensors.push_back(tensor);
    parameter.hook.emplace(tensor, [this, i = parameters.size() - 1] { OnAccumulated(i); });
  }
  if (options.gradient_as_bucket_view) flat = std::make_unique<FlatGradients>(std::move(tensors));
}

void DistributedOptimizer::Impl::OnAccumulated(std::size_t index) {
  const std::lock_guard lock(mutex);
  synchronized = false;
  if (!synchronizing) return;
  Parameter& parameter = parameters[index];
  if (parameter.in_flight) {
    throw Error(Status::InvalidArgument(
        StrCat(parameter.description, " was computed again before Step(), after ",
               options.backward_passes_per_step,
               " backward passes; raise backward_passes_per_step, or put all passes of a step but "
               "the last inside a SkipSynchronize scope")));
  }
  if (++parameter.passes < options.backward_passes_per_step) return;
  Queue(parameter, index);
  if (queued_bytes >= options.bucket_size_bytes) SubmitQueued();
}

at::Tensor& DistributedOptimizer::Impl::PrepareGradient(std::size_t index) {
  const Parameter& parameter = parameters[index];
  at::Tensor& gradient = parameter.tensor.mutable_grad();
  if (gradient.defined() && gradient.layout() != at::kStrided) {
    if (!options.sparse_as_dense) {
      throw Error(Status::InvalidArgument(
          StrCat(parameter.description,
                 " is sparse, and only dense gradients are averaged; set "
                 "sparse_as_dense, or make the embedding with sparse(false)")));
    }
    const torch::NoGradGuard no_grad;
    gradient = ZeroGradient(parameter.tensor).copy_(gradient.to_dense());
  }
  if (flat != nullptr && flat->Attach(index)) return gradient;
  if (!gradient.defined()) gradient = ZeroGradient(parameter.tensor);
  return gradient;
}

void DistributedOptimizer::Impl::Queue(Parameter& parameter, std::size_t index) {
  parameter.gradient = PrepareGradient(index);
  parameter.view = ToTensorView(parameter.gradient, parameter.description);
  if (flat != nullptr) parameter.view.padding_bytes = flat->PaddingBytes(index);
  parameter.in_flight = true;
  queued.push_back(&parameter);
  queued_bytes += parameter.gradient.nbytes();
}

void DistributedOptimizer::Impl::SubmitQueued() {
  // In the order of memory, so that a batch of views lies as it would be packed. Within a bucket
  // hooks run in nearly that order.
  if (flat != nullptr) {
    std::sort(queued.begin(), queued.end(), [](const Parameter* a, const Parameter* b) {
      return std::less<>()(a->view.data, b->view.data);
    });
  }
  for (Parameter* parameter : queued) {
    parameter->handle =
        session.AllreduceAsync(parameter->operation, parameter->view, parameter->view,
                               {.op = options.op, .postscale = ShareOfPass()});
    // Keeps the memory until the engine is done with it, whatever becomes of parameter and hooks.
    parameter->handle.OnComplete([gradient = parameter->gradient](const Status&) {});
  }
  queued.clear();
  queued_bytes = 0;
}

void DistributedOptimizer::Impl::AwaitAll() {
  Status first_failure;
  std::vector<const Parameter*> failed;
  for (Parameter& parameter : parameters) {
    if (!parameter.in_flight) continue;
    const Status status = parameter.handle.Wait();
    parameter.in_flight = false;
    parameter.gradient.reset();
    if (status.ok()) continue;
    if (first_failure.ok()) first_failure = status;
    failed.push_back(&parameter);
  }
  ForgetPasses();
  ThrowIfError(DescribeFailure(first_failure, failed, steps + 1));
}

// What the engine's postscale does where gradients travel.
void DistributedOptimizer::Impl::AverageOverPasses() {
  if (ShareOfPass() == 1) return;
  const torch::NoGradGuard no_grad;
  for (const Parameter& parameter : parameters) {
    at::Tensor& gradient = parameter.tensor.mutable_grad();
    if (parameter.tensor.requires_grad() && gradient.defined()) gradient.mul_(ShareOfPass());
  }
}

void DistributedOptimizer::Impl::ForgetPasses() {
  for (Parameter& parameter : parameters) parameter.passes = 0;
}

void DistributedOptimizer::Impl::ArmHooks() {
  for (Parameter& parameter : parameters) parameter.hook->Arm();
}

at::Tensor DistributedOptimizer::Impl::ReduceLoss(const at::Tensor& loss) {
  const std::lock_guard lock(mutex);
  if (!synchronizing) return loss;
  double value = loss.detach().item<double>();
  const TensorView view(&value, DataType::kFloat64, {});
  ThrowIfError(
      session.AllreduceAsync(options.name_prefix + "ronde.loss", view, view, {.op = options.op})
          .Wait());
  return at::full_like(loss.detach(), value);
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
  if (impl_->options.backward_passes_per_step < 1) {
    throw Error(Status::InvalidArgument(
        StrCat("DistributedOptimizer: backward_passes_per_step must be at least 1, got ",
               impl_->options.backward_passes_per_step)));
  }
  impl_->AddParameters(parameters);
}

DistributedOptimizer::DistributedOptimizer(Session& session, torch::optim::Optimizer& optimizer,
                                           const torch::nn::Module& module,
                                           DistributedOptimizerOptions options)
    : DistributedOptimizer(session, optimizer, NamedParameters(module), std::move(options)) {}

DistributedOptimizer::~DistributedOptimizer() = default;

void DistributedOptimizer::Synchronize() {
  const std::lock_guard lock(impl_->mutex);
  if (impl_->synchronized) return;
  if (impl_->synchronizing) {
    const torch::NoGradGuard no_grad;
    impl_->ArmHooks();
    for (std::size_t i = 0; i < impl_->parameters.size(); ++i) {
      Parameter& parameter = impl_->parameters[i];
      if (!parameter.in_flight && parameter.tensor.requires_grad()) impl_->Queue(parameter, i);
    }
    impl_->SubmitQueued();
    impl_->AwaitAll();
  } else {
    impl_->AverageOverPasses();
  }
  impl_->synchronized = true;
}

void DistributedOptimizer::Step() {
  if (dynamic_cast<torch::optim::LBFGS*>(&impl_->optimizer) != nullptr) {
    throw Error(Status::InvalidArgument(
        "DistributedOptimizer: LBFGS evaluates the loss several times in a step; call "
        "Step(closure) "
        "with a closure that zeroes the gradients, runs the backward pass and returns the loss"));
  }
  Synchronize();
  impl_->optimizer.step();
  const std::lock_guard lock(impl_->mutex);
  impl_->synchronized = false;
  ++impl_->steps;
}

at::Tensor DistributedOptimizer::Step(const torch::optim::Optimizer::LossClosure& closure) {
  at::Tensor loss = impl_->optimizer.step([this, &closure] {
    const at::Tensor mine = closure();
    Synchronize();
    return impl_->ReduceLoss(mine);
  });
  const std::lock_guard lock(impl_->mutex);
  impl_->synchronized = false;
  ++impl_->steps;
  return loss;
}

void DistributedOptimizer::ZeroGrad(bool set_to_none) {
  const std::lock_guard lock(impl_->mutex);
  impl_->RequireNothingInFlight("ZeroGrad");
  impl_->optimizer.zero_grad(set_to_none);
  impl_->ForgetPasses();
  impl_->ArmHooks();
  impl_->synchronized = false;
}

void DistributedOptimizer::set_synchronizing(bool on) {
  const std::lock_guard lock(impl_->mutex);
  if (on == impl_->synchronizing) return;
  impl_->RequireNothingInFlight("set_synchronizing");
  impl_->synchronizing = on;
  impl_->synchronized = false;
  impl_->ForgetPasses();
}

bool DistributedOptimizer::synchronizing() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->synchronizing;
}

torch::optim::Optimizer& DistributedOptimizer::optimizer() const { return impl_->optimizer; }

}  // namespace ronde
