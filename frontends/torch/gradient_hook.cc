#include "frontends/torch/gradient_hook.h"

#include <utility>

#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/function_hook.h>
#include <torch/csrc/autograd/variable.h>

namespace ronde {
namespace {

using torch::autograd::variable_list;

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

}  // namespace

GradientHook::GradientHook(at::Tensor parameter, std::function<void()> action)
    : parameter_(std::move(parameter)), action_(std::move(action)) {
  Arm();
}

GradientHook::~GradientHook() { Disarm(); }

void GradientHook::Arm() {
  // Null for a frozen parameter, whose accumulator we keep: unfreezing brings the same one back.
  std::shared_ptr<torch::autograd::Node> current =
      torch::autograd::impl::grad_accumulator(parameter_);
  if (current == nullptr || current == accumulator_) return;
  Disarm();
  accumulator_ = std::move(current);
  key_ = accumulator_->add_post_hook(std::make_unique<AccumulatedHook>(action_));
}

void GradientHook::Disarm() {
  if (accumulator_ != nullptr) accumulator_->del_post_hook(key_);
  accumulator_.reset();
}

}  // namespace ronde
