#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include <torch/torch.h>

namespace ronde {

/// Calls an action each time a backward pass has accumulated the gradient of one parameter: after
/// the accumulation, unlike Tensor::register_hook, and once however often the parameter was used.
///
/// Thread rule: one thread at a time; the action may run on autograd's threads.
class GradientHook {
 public:
  /// `parameter` is a leaf. While it requires no gradient there is nothing to hook; see Arm().
  GradientHook(at::Tensor parameter, std::function<void()> action);
  ~GradientHook();
  GradientHook(const GradientHook&) = delete;
  GradientHook& operator=(const GradientHook&) = delete;

  /// Hooks the parameter if that has become possible or necessary since: it was unfrozen, or its
  /// data was replaced by data of another dtype. Cheap when nothing has changed.
  void Arm();

 private:
  void Disarm();

  at::Tensor parameter_;
  std::function<void()> action_;
  // The tensor holds it weakly: without us it would vanish, and its hooks with it.
  std::shared_ptr<torch::autograd::Node> accumulator_;
  std::uintptr_t key_ = 0;
};

}  // namespace ronde
