#include "frontends/resnet/compute_stand_in.h"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <torch/csrc/autograd/functions/utils.h>

namespace ronde {
namespace {

using SteadyTime = std::chrono::steady_clock::time_point;

// So small that weights stay finite for any number of steps with weight decay.
constexpr double kLargestGradient = 1e-3;
constexpr std::int64_t kConvolutionDimensions = 4;

// Between -kLargestGradient and kLargestGradient.
double GradientOf(std::span<const std::int64_t> labels, int classes) {
  const auto sum =
      static_cast<double>(std::accumulate(labels.begin(), labels.end(), std::int64_t{0}));
  const double mean = sum / static_cast<double>(labels.size());
  return kLargestGradient * ((2 * mean + 1) / classes - 1);
}

}  // namespace

// What the layers share.
struct ComputeStandIn::Pass {
  std::chrono::nanoseconds forward{};
  std::vector<at::Tensor> parameters;              // in order of registration
  std::vector<std::chrono::nanoseconds> finished;  // by parameter, from the backward pass's start
  double gradient = 0;
  SteadyTime backward_start{};
};

// The node of one parameter, between the one before it and the one behind it.
class ComputeStandIn::Layer : public torch::autograd::Node {
 public:
  Layer(std::shared_ptr<Pass> pass, std::size_t index, torch::autograd::edge_list edges)
      : Node(std::move(edges)), pass_(std::move(pass)), index_(index) {}

  torch::autograd::variable_list apply(torch::autograd::variable_list&& gradients) override {
    const bool is_first_of_backward = index_ + 1 == pass_->parameters.size();
    if (is_first_of_backward) pass_->backward_start = std::chrono::steady_clock::now();
    std::this_thread::sleep_until(pass_->backward_start + pass_->finished[index_]);
    // Takes no memory: as in a real layer, autograd writes it to where the gradient belongs.
    const at::Tensor gradient = gradients[0] * pass_->gradient;
    return {gradients[0], gradient.expand(pass_->parameters[index_].sizes())};
  }
  [[nodiscard]] std::string name() const override { return "ComputeStandIn"; }

 private:
  std::shared_ptr<Pass> pass_;
  std::size_t index_;
};

ComputeStandIn::ComputeStandIn(const torch::nn::Module& model, Duration duration)
    : pass_(std::make_shared<Pass>()) {
  for (const at::Tensor& parameter : model.parameters()) {
    if (parameter.requires_grad()) pass_->parameters.push_back(parameter);
  }
  const auto convolutions = std::max<std::ptrdiff_t>(
      1, std::count_if(pass_->parameters.begin(), pass_->parameters.end(),
                       [](const at::Tensor& p) { return p.dim() == kConvolutionDimensions; }));
  pass_->forward = std::chrono::duration_cast<Duration>(duration * kForwardShare);
  const Duration backward = duration - pass_->forward;
  pass_->finished.resize(pass_->parameters.size());
  std::ptrdiff_t passed = 0;
  for (std::size_t i = pass_->parameters.size(); i-- > 0;) {
    if (pass_->parameters[i].dim() == kConvolutionDimensions) ++passed;
    pass_->finished[i] = backward * passed / convolutions;
  }
  // Also of a model that does not begin with a convolution.
  if (!pass_->finished.empty()) pass_->finished.front() = backward;
}

ComputeStandIn::~ComputeStandIn() = default;

torch::Tensor ComputeStandIn::Forward(std::span<const std::int64_t> labels, int classes) {
  const SteadyTime end = std::chrono::steady_clock::now() + pass_->forward;
  pass_->gradient = GradientOf(labels, classes);
  at::Tensor output = at::zeros({});
  for (std::size_t i = 0; i < pass_->parameters.size(); ++i) {
    auto edges = torch::autograd::collect_next_edges(output, pass_->parameters[i]);
    output = at::zeros({});
    torch::autograd::set_history(output, std::make_shared<Layer>(pass_, i, std::move(edges)));
  }
  std::this_thread::sleep_until(end);
  return output;
}

}  // namespace ronde
