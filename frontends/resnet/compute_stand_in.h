#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>

#include <torch/torch.h>

namespace ronde {

/// Stands in for a model's forward and backward pass: takes as long as told and no core, as with an
/// accelerator that computes beside the host. So that more ranks than cores can be timed.
///
/// A third of the time is the forward pass, two thirds the backward pass, which computes two
/// products for each one of the forward. Gradients appear as in a real backward pass, from the last
/// parameter to the first, through autograd, so that hooks fire and communication overlaps: each
/// convolution takes an equal share (in a residual network, stages that halve the image double the
/// channels), the parameters between two convolutions none. A share is measured from the start of
/// the pass: what the hooks do meanwhile does not prolong it, unless they take longer.
///
/// All elements of all gradients are one small number that depends on the batch's labels, so that
/// the averages of workers have something to average; there is no loss and nothing is learnt.
/// Thread rule: one thread at a time; the backward pass runs on autograd's.
class ComputeStandIn {
 public:
  using Duration = std::chrono::nanoseconds;
  static constexpr double kForwardShare = 1.0 / 3;

  /// `duration` of one forward and one backward pass together, above 0. The parameters of `model`
  /// that require a gradient get one; they are the same tensors for as long as this lives.
  ComputeStandIn(const torch::nn::Module& model, Duration duration);
  ~ComputeStandIn();
  ComputeStandIn(const ComputeStandIn&) = delete;
  ComputeStandIn& operator=(const ComputeStandIn&) = delete;

  /// Returns after the forward share, with a scalar for a backward() that takes the rest.
  /// `labels`: the batch's, in 0 .. classes - 1.
  [[nodiscard]] torch::Tensor Forward(std::span<const std::int64_t> labels, int classes);

 private:
  struct Pass;
  class Layer;

  std::shared_ptr<Pass> pass_;
};

}  // namespace ronde
