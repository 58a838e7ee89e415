#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include <c10/core/Event.h>
#include <torch/torch.h>

namespace ronde {

/// What a batch says, of which worker and step.
struct BatchFigures {
  std::int64_t step = 0;
  int worker = 0;
  std::int64_t images = 0;
  double loss = 0;  ///< the batch's mean
  double correct = 0;
};

/// Brings a batch's figures from where the model is to the host without holding the host up where
/// the forward pass is called: Take() gives the work to the device, Settle() waits for it, which is
/// for the end of the forward pass, while the backward pass has been given to the device already.
/// Thread rule: calls follow each other, whatever the thread.
class FigureReadback {
 public:
  /// `read` is called by Settle(); what it throws, Settle() throws.
  explicit FigureReadback(std::function<void(const BatchFigures&)> read) : read_(std::move(read)) {}

  /// Of the batch's loss and logits. Nothing may be pending.
  void Take(std::int64_t step, int worker, const torch::Tensor& loss, const torch::Tensor& logits,
            const torch::Tensor& labels);
  /// Nothing where nothing is pending.
  void Settle();
  /// Of the batch that was settled last.
  [[nodiscard]] double loss() const { return figures_.loss; }

 private:
  std::function<void(const BatchFigures&)> read_;
  bool pending_ = false;
  BatchFigures figures_;
  at::Tensor host_;                    // loss and correct; pinned where the model is on a device
  std::optional<c10::Event> arrived_;  // nothing on the CPU
};

}  // namespace ronde
