#include "frontends/torch/classic_sgd.h"

#include <cmath>
#include <memory>
#include <utility>

#include "core/base/strcat.h"
#include "frontends/torch/error.h"

namespace ronde {
namespace {

using torch::optim::OptimizerParamGroup;
using torch::optim::SGDOptions;
using torch::optim::SGDParamState;

constexpr const char* kArchiveKey = "previous_learning_rates";

// How a group's buffers go on: `unit` is what one gradient counts in them from now on, `carry`
// turns what they hold into that unit.
struct Scale {
  Scale(double learning_rate, double before)
      : unit(learning_rate != 0 ? learning_rate : (before != 0 ? before : 1)),
        carry(before != 0 ? unit / before : 1) {}
  double unit;
  double carry;
};

SGDParamState& StateOf(torch::optim::Optimizer& optimizer, const at::Tensor& parameter) {
  auto& state = optimizer.state()[parameter.unsafeGetTensorImpl()];
  if (!state) state = std::make_unique<SGDParamState>();
  return static_cast<SGDParamState&>(*state);
}

void StepParameter(at::Tensor parameter, at::Tensor& buffer, const SGDOptions& options,
                   const Scale& scale) {
  const bool rests = !parameter.grad().defined() || options.momentum() == 0;
  if (rests && buffer.defined() && scale.carry != 1) buffer.mul_(scale.carry);
  if (!parameter.grad().defined()) return;
  at::Tensor weights = parameter.detach();
  at::Tensor gradient = parameter.grad().detach();
  if (options.weight_decay() != 0) gradient = gradient.add(weights, options.weight_decay());
  if (options.momentum() == 0) {
    weights.add_(gradient, -options.lr());
    return;
  }
  if (!buffer.defined()) {
    buffer = gradient * scale.unit;
  } else {
    buffer.mul_(options.momentum() * scale.carry)
        .add_(gradient, scale.unit * (1 - options.dampening()));
  }
  if (options.lr() == 0) return;
  if (options.nesterov()) weights.add_(gradient, -options.lr());
  weights.add_(buffer, options.nesterov() ? -options.momentum() : -1);
}

}  // namespace

ClassicSgd::ClassicSgd(const std::vector<OptimizerParamGroup>& param_groups, SGDOptions defaults)
    : SGD(param_groups, std::move(defaults)) {}

ClassicSgd::ClassicSgd(std::vector<at::Tensor> parameters, SGDOptions defaults)
    : SGD(std::move(parameters), std::move(defaults)) {}

at::Tensor ClassicSgd::step(LossClosure closure) {
  const torch::NoGradGuard no_grad;
  at::Tensor loss;
  if (closure) {
    const torch::AutoGradMode with_grad(true);
    loss = closure();
  }
  previous_learning_rates_.resize(param_groups().size());
  for (std::size_t i = 0; i < param_groups().size(); ++i) {
    OptimizerParamGroup& group = param_groups()[i];
    const auto& options = static_cast<const SGDOptions&>(group.options());
    const Scale scale(options.lr(), previous_learning_rates_[i]);
    for (const at::Tensor& parameter : group.params()) {
      StepParameter(parameter, StateOf(*this, parameter).momentum_buffer(), options, scale);
    }
    previous_learning_rates_[i] = scale.unit;
  }
  return loss;
}

std::vector<double> ClassicSgd::previous_learning_rates() const {
  std::vector<double> learning_rates = previous_learning_rates_;
  learning_rates.resize(param_groups().size());
  return learning_rates;
}

void ClassicSgd::set_previous_learning_rates(const std::vector<double>& learning_rates) {
  if (learning_rates.size() != param_groups().size()) {
    throw Error(Status::InvalidArgument(
        StrCat("ClassicSgd: expected ", param_groups().size(),
               " previous learning rates, one per parameter group, got ", learning_rates.size())));
  }
  for (const double learning_rate : learning_rates) {
    if (std::isfinite(learning_rate) && learning_rate >= 0) continue;
    throw Error(Status::InvalidArgument(
        StrCat("ClassicSgd: a previous learning rate must be finite and at least 0, got ",
               learning_rate)));
  }
  previous_learning_rates_ = learning_rates;
}

void ClassicSgd::save(torch::serialize::OutputArchive& archive) const {
  SGD::save(archive);
  archive.write(kArchiveKey, at::tensor(previous_learning_rates(), at::kDouble));
}

void ClassicSgd::load(torch::serialize::InputArchive& archive) {
  SGD::load(archive);
  at::Tensor values;
  if (!archive.try_read(kArchiveKey, values)) return;
  const at::Tensor doubles = values.to(at::kDouble).contiguous();
  set_previous_learning_rates(
      {doubles.const_data_ptr<double>(), doubles.const_data_ptr<double>() + doubles.numel()});
}

}  // namespace ronde
