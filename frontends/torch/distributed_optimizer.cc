#include "frontends/torch/distributed_optimizer.h"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "core/base/strcat.h"
#include "frontends/torch/error.h"
#include "frontends/torch/flat_gradients.h"
#include "frontends/torch/gradient_buckets.h"
#include "frontends/torch/gradient_hook.h"
#include "frontends/torch/missing_gradients.h"
#include "frontends/torch/tensor_bridge.h"

namespace ronde {
namespace {

struct Parameter {
  std::string name;
  std::string operation;    // its name on all ranks when it travels alone
  std::string description;  // for messages
  at::Tensor tensor;
  std::optional<GradientHook> hook;
  std::size_t bucket = 0;
  bool expected = false;   // travels with its bucket: it was trained when hooks were last armed
  bool in_flight = false;  // from the hook until it has been waited for
  int passes = 0;          // backward passes since the last synchronisation
};

// Gradients that travel as one operation.
struct Bucket {
  std::string operation;             // the name that all ranks know
  std::vector<std::size_t> members;  // parameters, see PlanGradientBuckets
  std::size_t expected = 0;          // members of this step
  std::size_t arrived = 0;           // of those, how many are there
  bool submitted = false;
};

struct Flight {
  Handle handle;
  std::vector<std::size_t> members;
  at::Device place;
};

}  // namespace

struct DistributedOptimizer::Impl {
  Impl(Session& session_in, torch::optim::Optimizer& optimizer_in,
       DistributedOptimizerOptions options_in)
      : session(session_in), optimizer(optimizer_in), options(std::move(options_in)) {}

  void AddParameters(const NamedTensors& named);
  void MakeBuckets(const std::vector<at::Tensor>& tensors);
  void ArmHooks();
  void OnAccumulated(std::size_t index);
  void SubmitBucket(Bucket& bucket);
  void SubmitTogether(const std::string& operation, const std::vector<std::size_t>& members);
  void SubmitAlone(std::size_t index);
  void MakeDense(const Parameter& parameter) const;
  std::vector<TensorView> ViewsOf(const std::vector<std::size_t>& members);
  void Track(Handle handle, const std::vector<std::size_t>& members);
  void AwaitAll();
  void AverageOverPasses();
  void ForgetPasses();
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
  std::vector<Bucket> buckets;
  std::vector<Flight> flights;          // submitted and not waited for
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
  MakeBuckets(tensors);
  if (options.gradient_as_bucket_view)
    flat = std::make_unique<FlatGradients>(std::move(tensors), &session);
  ArmHooks();
}

void DistributedOptimizer::Impl::MakeBuckets(const std::vector<at::Tensor>& tensors) {
  for (std::vector<std::size_t>& members :
       PlanGradientBuckets(tensors, options.bucket_size_bytes)) {
    for (const std::size_t index : members) parameters[index].bucket = buckets.size();
    Bucket& bucket = buckets.emplace_back();
    bucket.operation = StrCat(options.name_prefix, "gradients.", buckets.size() - 1);
    bucket.members = std::move(members);
  }
}

void DistributedOptimizer::Impl::ArmHooks() {
  for (Bucket& bucket : buckets) bucket.expected = 0;
  for (Parameter& parameter : parameters) {
    parameter.hook->Arm();
    parameter.expected = parameter.tensor.requires_grad();
    if (parameter.expected) ++buckets[parameter.bucket].expected;
  }
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
  parameter.in_flight = true;
  if (!parameter.expected) return;
  Bucket& bucket = buckets[parameter.bucket];
  if (++bucket.arrived == bucket.expected) SubmitBucket(bucket);
}

void DistributedOptimizer::Impl::MakeDense(const Parameter& parameter) const {
  at::Tensor& gradient = parameter.tensor.mutable_grad();
  if (!gradient.defined() || gradient.layout() == at::kStrided) return;
  if (!options.sparse_as_dense) {
    throw Error(Status::InvalidArgument(
        StrCat(parameter.description,
               " is sparse, and only dense gradients are averaged; set "
               "sparse_as_dense, or make the embedding with sparse(false)")));
  }
  const torch::NoGradGuard no_grad;
  gradient = ZeroGradient(parameter.tensor).copy_(gradient.to_dense());
}

// Of one step's gradients the first that are sent go through here first.
std::vector<TensorView> DistributedOptimizer::Impl::ViewsOf(
    const std::vector<std::size_t>& members) {
  if (flights.empty() && options.before_sending) options.before_sending();
  for (const std::size_t index : members) MakeDense(parameters[index]);
  if (flat != nullptr) static_cast<void>(flat->Attach(members));
  std::vector<TensorView> views;
  views.reserve(members.size());
  for (const std::size_t index : members) {
    at::Tensor& gradient = parameters[index].tensor.mutable_grad();
    if (!gradient.defined()) gradient = ZeroGradient(parameters[index].tensor);
    views.push_back(LendMemory(gradient, parameters[index].description));
    if (flat != nullptr) views.back().padding_bytes = flat->PaddingBytes(index);
  }
  SetReady(views, parameters[members.front()].tensor.device());
  return views;
}

// Whatever becomes of parameters and hooks, the memory stays until the engine is done with it.
void DistributedOptimizer::Impl::Track(Handle handle, const std::vector<std::size_t>& members) {
  std::vector<at::Tensor> gradients;
  gradients.reserve(members.size());
  for (const std::size_t index : members) {
    parameters[index].in_flight = true;
    gradients.push_back(parameters[index].tensor.grad());
  }
  handle.OnComplete([kept = std::move(gradients)](const Status&) {});
  flights.push_back({std::move(handle), members, parameters[members.front()].tensor.device()});
}

void DistributedOptimizer::Impl::SubmitAlone(std::size_t index) {
  const TensorView view = ViewsOf({index}).front();
  Track(session.AllreduceAsync(parameters[index].operation, view, view,
                               {.op = options.op, .postscale = ShareOfPass()}),
        {index});
}

void DistributedOptimizer::Impl::SubmitTogether(const std::string& operation,
                                                const std::vector<std::size_t>& members) {
  const std::vector<TensorView> views = ViewsOf(members);
  Track(session.GroupedAllreduceAsync(operation, views, views,
                                      {.op = options.op, .postscale = ShareOfPass()}),
        members);
}

void DistributedOptimizer::Impl::SubmitBucket(Bucket& bucket) {
  std::vector<std::size_t> members;
  members.reserve(bucket.members.size());
  bool one_kind = true;
  for (const std::size_t index : bucket.members) {
    const Parameter& parameter = parameters[index];
    // Frozen since the hooks were armed, on all ranks alike.
    if (!parameter.expected || !parameter.tensor.requires_grad()) continue;
    members.push_back(index);
    const at::Tensor& first = parameters[members.front()].tensor;
    one_kind = one_kind && parameter.tensor.scalar_type() == first.scalar_type() &&
               parameter.tensor.device() == first.device();
  }
  if (members.empty()) return;
  if (one_kind && options.bucket_size_bytes > 0) {
    SubmitTogether(bucket.operation, members);
  } else {
    // Part of the module was moved to another type or device, or each travels by its own name.
    for (const std::size_t index : members) SubmitAlone(index);
  }
  bucket.submitted = true;  // not where a gradient was refused: the step must not go on without
}

void DistributedOptimizer::Impl::AwaitAll() {
  Status first_failure;
  std::set<std::size_t> failed;  // in the order of registration
  // They complete in about the order of submission: to wait for the last first is one wake-up,
  // where each of them would take the core from an engine that is in the middle of the next.
  if (!flights.empty()) {
    static_cast<void>(Await(flights.back().handle, flights.back().place));
  }
  for (const Flight& flight : flights) {
    const Status status = Await(flight.handle, flight.place);
    if (status.ok()) continue;
    if (first_failure.ok()) first_failure = status;
    failed.insert(flight.members.begin(), flight.members.end());
  }
  flights.clear();
  for (Parameter& parameter : parameters) parameter.in_flight = false;
  for (Bucket& bucket : buckets) {
    bucket.arrived = 0;
    bucket.submitted = false;
  }
  ForgetPasses();
  std::vector<std::string> waited;
  for (const std::size_t index : failed) waited.push_back(parameters[index].name);
  ThrowIfError(DescribeMissingGradients(first_failure, waited, steps + 1));
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
  const int passes = impl_->options.backward_passes_per_step;
  if (passes < 1) {
    throw Error(Status::InvalidArgument(
        StrCat("DistributedOptimizer: backward_passes_per_step must be at least 1, got ", passes)));
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
    for (Bucket& bucket : impl_->buckets) {
      if (!bucket.submitted) impl_->SubmitBucket(bucket);
    }
    // Unfrozen since the hooks were armed.
    for (std::size_t i = 0; i < impl_->parameters.size(); ++i) {
      const Parameter& parameter = impl_->parameters[i];
      if (!parameter.expected && parameter.tensor.requires_grad()) impl_->SubmitAlone(i);
    }
    impl_->AwaitAll();
    impl_->ArmHooks();
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
