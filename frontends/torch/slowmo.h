#pragma once

#include <torch/torch.h>

#include "frontends/torch/flat_parameters.h"

namespace ronde {

struct SlowMoOptions {
  double slow_momentum = 0.5;  ///< beta, from 0 to below 1
  double slow_lr = 1;          ///< alpha, above 0
};

/// The outer step of slow momentum, on weights that have just been averaged:
///   u  <- beta u + (x0 - mean(w)) / gamma
///   x0 <- x0 - alpha gamma u
///   w  <- x0
/// It communicates nothing: weights that agree on all ranks before Step() agree after it.
/// State: x0 and u, float32 for 16-bit weights. Thread rule: one thread at a time.
/// Source: Wang, Tantia, Ballas, Rabbat, SlowMo, ICLR 2020.
class SlowMo {
 public:
  /// Anchors at the present weights; `parameters` must outlive this.
  /// Error: kInvalidArgument for beta or alpha out of range.
  explicit SlowMo(FlatParameters& parameters, SlowMoOptions options = {});

  /// x0 <- w, u <- 0. To be called where the local phase starts: at the synchronised weights after
  /// step T, before local step T + 1.
  void Anchor();

  /// To be called after each average, with gamma = learning rate of the window's last step.
  /// Error: kInvalidArgument for a gamma that is not above 0.
  void Step(double gamma);

  [[nodiscard]] const at::Tensor& anchor() const { return anchor_; }
  [[nodiscard]] const at::Tensor& slow_buffer() const { return slow_; }

 private:
  FlatParameters& parameters_;
  SlowMoOptions options_;
  at::Tensor anchor_;  // x0
  at::Tensor slow_;    // u
};

}  // namespace ronde
