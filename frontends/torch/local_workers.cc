#include "frontends/torch/local_workers.h"

#include <cstddef>
#include <map>
#include <string_view>
#include <utility>

#include "core/base/strcat.h"
#include "frontends/torch/error.h"
#include "frontends/torch/momentum_buffers.h"
#include "frontends/torch/tensor_bridge.h"

namespace ronde {
namespace {

// Tensors of one kind and dtype, and where they lie for each worker.
class Plane {
 public:
  Plane(FlatParameters& tensors, bool shareable) : tensors_(&tensors), shareable_(shareable) {}
  explicit Plane(std::vector<at::Tensor> tensors)
      : owned_(std::make_unique<FlatParameters>(std::move(tensors))), tensors_(owned_.get()) {}

  void MakeWorkers(int count) {
    tensors_->Reattach();
    bindings_.push_back(tensors_->MakeBinding(tensors_->flat()));
    while (static_cast<int>(bindings_.size()) < count) {
      bindings_.push_back(tensors_->MakeBinding(tensors_->flat().clone()));
    }
  }
  void set_shareable() { shareable_ = true; }
  [[nodiscard]] bool shareable() const { return shareable_; }

  // What replaced the bound worker's tensors (a loaded state, module.to) goes back to its plane.
  void Settle() { tensors_->Reattach(); }
  void Bind(std::size_t worker) {
    if (tensors_->flat().is_same(bindings_[worker].flat)) return;
    tensors_->Bind(bindings_[worker]);
  }
  [[nodiscard]] const at::Tensor& flat(std::size_t worker) const { return bindings_[worker].flat; }
  void CopyFirstToAll() {
    for (std::size_t i = 1; i < bindings_.size(); ++i) bindings_[i].flat.copy_(bindings_[0].flat);
  }

  void BindScratch(std::size_t worker) {
    if (scratch_.flat.defined()) {
      scratch_.flat.copy_(flat(worker));
    } else {
      scratch_ = tensors_->MakeBinding(flat(worker).clone());
    }
    tensors_->Bind(scratch_);
  }
  [[nodiscard]] const at::Tensor& scratch() const { return scratch_.flat; }

 private:
  std::unique_ptr<FlatParameters> owned_;
  FlatParameters* tensors_;
  bool shareable_ = false;
  std::vector<FlatParameters::Binding> bindings_;  // by worker
  FlatParameters::Binding scratch_;                // made when first asked for
};

// C++ Module::to(dtype) turns batch norm's counter into a floating-point buffer: it stays a
// counter.
bool IsStatistic(std::string_view name, const at::Tensor& buffer) {
  return buffer.is_floating_point() && !name.ends_with("num_batches_tracked");
}

}  // namespace

struct LocalWorkers::Impl {
  std::vector<Plane> planes;  // weights first
  std::size_t momentum = 0;   // index of a plane; 0: there is none
  std::size_t statistics = 0;
  int count = 1;
  int active = 0;
  bool shared = false;
  at::Tensor none;

  void AddBuffers(const torch::nn::Module& module);
  void Bind(int worker);
  [[nodiscard]] std::size_t PlaceOf(const Plane& plane, int worker) const {
    return shared && plane.shareable() ? 0 : static_cast<std::size_t>(worker);
  }
  const at::Tensor& Flat(std::size_t plane, int worker) {
    Plane& chosen = planes[plane];
    chosen.Settle();
    return chosen.flat(PlaceOf(chosen, worker));
  }
};

void LocalWorkers::Impl::AddBuffers(const torch::nn::Module& module) {
  std::vector<at::Tensor> statistic;
  std::map<at::ScalarType, std::vector<at::Tensor>> counters;
  for (const auto& [name, buffer] : NamedBuffers(module)) {
    (IsStatistic(name, buffer) ? statistic : counters[buffer.scalar_type()]).push_back(buffer);
  }
  if (!statistic.empty()) {
    statistics = planes.size();
    planes.emplace_back(std::move(statistic));
  }
  for (auto& [type, tensors] : counters) planes.emplace_back(std::move(tensors));
}

void LocalWorkers::Impl::Bind(int worker) {
  for (Plane& plane : planes) {
    plane.Settle();
    plane.Bind(PlaceOf(plane, worker));
  }
  active = worker;
}

LocalWorkers::LocalWorkers(torch::nn::Module& module, FlatParameters& parameters, int count,
                           torch::optim::SGD* optimizer)
    : impl_(std::make_unique<Impl>()) {
  if (count < 1) {
    throw Error(
        Status::InvalidArgument(StrCat("LocalWorkers: expected at least 1 worker, got ", count)));
  }
  const torch::NoGradGuard no_grad;
  impl_->count = count;
  impl_->planes.emplace_back(parameters, /*shareable=*/true);
  std::vector<at::Tensor> momentum;
  if (optimizer != nullptr) momentum = MomentumBuffers(*optimizer);
  if (!momentum.empty()) {
    impl_->momentum = impl_->planes.size();
    impl_->planes.emplace_back(std::move(momentum));
    impl_->planes.back().set_shareable();
  }
  impl_->AddBuffers(module);
  for (Plane& plane : impl_->planes) plane.MakeWorkers(count);
}

LocalWorkers::~LocalWorkers() = default;

int LocalWorkers::count() const { return impl_->count; }
int LocalWorkers::active() const { return impl_->active; }
bool LocalWorkers::shares_weights() const { return impl_->shared; }

void LocalWorkers::Activate(int worker) {
  if (worker < 0 || worker >= impl_->count) {
    throw Error(Status::InvalidArgument(
        StrCat("LocalWorkers: expected a worker from 0 to ", impl_->count - 1, ", got ", worker)));
  }
  if (worker != impl_->active) impl_->Bind(worker);
}

void LocalWorkers::ShareWeights() {
  if (impl_->shared) return;
  impl_->shared = true;
  impl_->Bind(impl_->active);
}

void LocalWorkers::UnshareWeights() {
  if (!impl_->shared) return;
  const torch::NoGradGuard no_grad;
  for (Plane& plane : impl_->planes) {
    plane.Settle();
    if (plane.shareable()) plane.CopyFirstToAll();
  }
  impl_->shared = false;
  impl_->Bind(impl_->active);
}

const at::Tensor& LocalWorkers::weights(int worker) const { return impl_->Flat(0, worker); }

const at::Tensor& LocalWorkers::momentum(int worker) const {
  return impl_->momentum == 0 ? impl_->none : impl_->Flat(impl_->momentum, worker);
}

const at::Tensor& LocalWorkers::statistics(int worker) const {
  return impl_->statistics == 0 ? impl_->none : impl_->Flat(impl_->statistics, worker);
}

LocalWorkers::ScratchScope::ScratchScope(LocalWorkers& workers, int worker) : workers_(workers) {
  const torch::NoGradGuard no_grad;
  Impl& impl = *workers.impl_;
  for (std::size_t i = 0; i < impl.planes.size(); ++i) {
    impl.planes[i].Settle();
    if (i == impl.momentum && i != 0) continue;
    impl.planes[i].BindScratch(impl.PlaceOf(impl.planes[i], worker));
  }
}

LocalWorkers::ScratchScope::~ScratchScope() {
  Impl& impl = *workers_.impl_;
  for (Plane& plane : impl.planes) plane.Bind(impl.PlaceOf(plane, impl.active));
}

const at::Tensor& LocalWorkers::ScratchScope::weights() const {
  return workers_.impl_->planes[0].scratch();
}

const at::Tensor& LocalWorkers::ScratchScope::statistics() const {
  const Impl& impl = *workers_.impl_;
  return impl.statistics == 0 ? impl.none : impl.planes[impl.statistics].scratch();
}

}  // namespace ronde
