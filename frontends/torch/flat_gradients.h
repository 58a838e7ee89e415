#pragma once

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include <torch/torch.h>

#include "frontends/session/session.h"

namespace ronde {

/// Gradients as views of flat buffers: what is reduced together lies together, as if it had been
/// packed, and a gradient's address stays the same from step to step.
///
/// One buffer per dtype and device. In it lie the gradients in reverse order of registration, about
/// the order in which a backward pass makes them, each at a multiple of 64 bytes; the gaps are
/// zeros and stay so. A view has its parameter's strides (rows where those have gaps). Thread rule:
/// calls for different parameters may run at the same time.
class FlatGradients {
 public:
  static constexpr std::size_t kAlignmentBytes = 64;

  /// `parameters` in order of registration; those that are frozen, neither on the CPU nor on a CUDA
  /// device, or sparse keep gradients of their own. No gradient is touched yet.
  /// With a session the buffers are RegisteredTensors, and the call is collective.
  explicit FlatGradients(std::vector<at::Tensor> parameters, Session* session = nullptr);

  /// Makes the gradient of parameter `index` its view: a gradient elsewhere is copied into it, one
  /// that vanished becomes zeros. False, and nothing is done, for a parameter without a view or
  /// whose dtype or shape has changed since construction.
  bool Attach(std::size_t index);
  /// Attach() for several: on a device all copies are one launch. False where one of them was.
  bool Attach(std::span<const std::size_t> indices);

  /// How many bytes behind the view of parameter `index` are padding; 0 while its gradient is not
  /// the view.
  [[nodiscard]] std::size_t PaddingBytes(std::size_t index) const;

  /// 1-D, one per dtype and device; ordered by their first parameter from the back.
  [[nodiscard]] const std::vector<at::Tensor>& buffers() const { return buffers_; }

 private:
  using Kind = std::pair<at::ScalarType, at::Device>;

  void Allocate(const Kind& kind, Session* session);

  std::vector<at::Tensor> parameters_;
  std::vector<at::Tensor> views_;  // by parameter; undefined where there is none
  std::vector<at::Tensor> buffers_;
};

/// Zeros with the layout that autograd gives the gradient of `parameter`.
[[nodiscard]] at::Tensor ZeroGradient(const at::Tensor& parameter);

}  // namespace ronde
