#pragma once

#include <cstdint>
#include <vector>

#include <torch/torch.h>

#include "frontends/session/session.h"

namespace ronde {

/// Makes tensors of one dtype on one device views of one flat buffer, so that a model average is
/// one operation without copies. Shapes, strides, gradients and the identity of the tensors (hence
/// the optimizer's state and the gradient hooks) stay as they are.
///
/// Order in the buffer is that of the constructor's argument, without padding. The tensors keep the
/// buffer alive after this object is gone. Thread rule: one thread at a time.
class FlatParameters {
 public:
  /// Errors: Error with kInvalidArgument when there is no tensor, when dtypes differ, or for a
  /// tensor that is not strided or neither on the CPU nor on the CUDA device of the first.
  /// With a session the buffer is a RegisteredTensor, and the call is collective.
  explicit FlatParameters(std::vector<at::Tensor> tensors, Session* session = nullptr);
  /// All parameters of `module`, in order of registration.
  explicit FlatParameters(const torch::nn::Module& module, Session* session = nullptr);

  /// The buffer: 1-D, count() elements, no gradient.
  [[nodiscard]] const at::Tensor& flat() const { return flat_; }
  [[nodiscard]] const std::vector<at::Tensor>& tensors() const { return tensors_; }
  [[nodiscard]] std::int64_t count() const { return flat_.numel(); }

  /// False when some tensor's data was replaced since (set_data, module.to, a loaded checkpoint).
  [[nodiscard]] bool attached() const;
  /// Copies what has moved back into the buffer and points the tensors there again. Cheap when
  /// attached. Users of flat() call it first. Errors as the constructor's.
  void Reattach();

  /// A buffer of count() elements and the tensors' places in it, made once so that binding is
  /// quick.
  struct Binding {
    at::Tensor flat;
    std::vector<at::Tensor> views;
  };
  /// Places for the tensors in `flat`: 1-D, contiguous, of the same dtype and count.
  /// Error: kInvalidArgument.
  [[nodiscard]] Binding MakeBinding(const at::Tensor& flat) const;
  /// Points the tensors into that buffer; its values become theirs. No data moves.
  void Bind(const Binding& binding);

 private:
  [[nodiscard]] bool IsAttached(std::size_t index) const;
  void Attach(std::size_t index);

  std::vector<at::Tensor> tensors_;
  std::vector<std::int64_t> offsets_;  // in elements
  at::Tensor flat_;
};

}  // namespace ronde
