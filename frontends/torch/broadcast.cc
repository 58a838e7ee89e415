#include "frontends/torch/broadcast.h"

#include <cstdint>
#include <exception>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "core/base/strcat.h"
#include "frontends/torch/device/torch_device.h"
#include "frontends/torch/error.h"

namespace ronde {
namespace {

// A broadcast moves bytes, so that it serves every dtype, also those without arithmetic here.
TensorView ViewForBroadcast(const at::Tensor& tensor, const std::string& name) {
  if (ToDataType(tensor.scalar_type())) return ToTensorView(tensor, name);
  TensorView view(tensor.data_ptr(), DataType::kUInt8,
                  {static_cast<std::int64_t>(tensor.nbytes())});
  if (tensor.device().is_cuda()) view.device = &DeviceOf(tensor.device()).device();
  SetReady({&view, 1}, tensor.device());
  return view;
}

struct PendingBroadcast {
  at::Tensor target;
  at::Tensor staging;  // equals target, or a copy of it without gaps
  Handle handle;
};

PendingBroadcast Submit(Session& session, const std::string& name, const at::Tensor& tensor,
                        int root) {
  PendingBroadcast pending;
  pending.target = tensor.detach();
  pending.staging =
      tensor.is_non_overlapping_and_dense() ? pending.target : pending.target.contiguous();
  pending.handle =
      session.BroadcastAsync("broadcast/" + name, ViewForBroadcast(pending.staging, name), root);
  return pending;
}

void FinishAll(std::vector<PendingBroadcast>& pending) {
  Status first_failure;
  for (PendingBroadcast& broadcast : pending) {
    const Status status = Await(broadcast.handle, broadcast.target.device());
    if (!status.ok() && first_failure.ok()) first_failure = status;
    if (status.ok() && !broadcast.staging.is_same(broadcast.target)) {
      broadcast.target.copy_(broadcast.staging);
    }
  }
  ThrowIfError(first_failure);
}

std::string SaveState(const torch::optim::Optimizer& optimizer) {
  torch::serialize::OutputArchive archive;
  optimizer.save(archive);
  std::ostringstream out;
  archive.save_to(out);
  return std::move(out).str();
}

void LoadState(torch::optim::Optimizer& optimizer, const std::string& bytes) {
  std::istringstream in(bytes);
  torch::serialize::InputArchive archive;
  archive.load_from(in);
  optimizer.state().clear();  // loading only adds
  optimizer.load(archive);
}

// `what` happens on some ranks only; its failure is thrown on all.
template <typename Function>
void AgreeOn(Session& session, const char* doing, const Function& what) {
  Status mine;
  try {
    what();
  } catch (const c10::Error& error) {
    mine = Status::InvalidArgument(
        StrCat("rank ", session.rank(), " cannot ", doing, ": ", error.what_without_backtrace()));
  } catch (const std::exception& error) {
    mine = Status::Internal(StrCat("rank ", session.rank(), " cannot ", doing, ": ", error.what()));
  }
  ThrowIfError(session.AgreeOnStatus(mine));
}

}  // namespace

void BroadcastParameters(Session& session, const NamedTensors& tensors, int root) {
  const torch::NoGradGuard no_grad;
  std::vector<PendingBroadcast> pending;
  pending.reserve(tensors.size());
  for (const auto& [name, tensor] : tensors) {
    pending.push_back(Submit(session, name, tensor, root));
  }
  FinishAll(pending);
}

void BroadcastParameters(Session& session, torch::nn::Module& module, int root) {
  NamedTensors tensors = NamedParameters(module);
  for (auto& named : NamedBuffers(module)) tensors.push_back(std::move(named));
  BroadcastParameters(session, tensors, root);
}

void BroadcastOptimizerState(Session& session, torch::optim::Optimizer& optimizer, int root) {
  const bool is_root = session.rank() == root;
  std::string bytes;
  AgreeOn(session, "save the optimizer's state", [&] {
    if (is_root) bytes = SaveState(optimizer);
  });
  auto size_bytes = static_cast<std::int64_t>(bytes.size());
  ThrowIfError(session
                   .BroadcastAsync("broadcast/optimizer_state_size",
                                   {&size_bytes, DataType::kInt64, {1}}, root)
                   .Wait());
  bytes.resize(static_cast<std::size_t>(size_bytes));
  ThrowIfError(session
                   .BroadcastAsync("broadcast/optimizer_state",
                                   {bytes.data(), DataType::kUInt8, {size_bytes}}, root)
                   .Wait());
  AgreeOn(session, "load the root's optimizer state", [&] {
    if (!is_root) LoadState(optimizer, bytes);
  });
}

}  // namespace ronde
