#pragma once

#include <cstdint>

#include <torch/torch.h>

namespace ronde {

/// What a residual block is made of; `in` and `out` are its channels.
struct BlockOptions {
  std::int64_t in = 0;
  std::int64_t out = 0;
  std::int64_t stride = 1;
};

/// relu(bn2(conv2(relu(bn1(conv1 x)))) + shortcut x), all 3x3.
class BasicBlockImpl : public torch::nn::Module {
 public:
  static constexpr std::int64_t kExpansion = 1;
  explicit BasicBlockImpl(const BlockOptions& options);
  torch::Tensor forward(const torch::Tensor& input);

 private:
  torch::nn::Conv2d conv1_;
  torch::nn::BatchNorm2d bn1_;
  torch::nn::Conv2d conv2_;
  torch::nn::BatchNorm2d bn2_;
  torch::nn::Sequential downsample_{nullptr};
};
TORCH_MODULE(BasicBlock);

/// 1x1 to a quarter of `out` channels, 3x3 with the stride (v1.5), 1x1 to `out`.
class BottleneckImpl : public torch::nn::Module {
 public:
  static constexpr std::int64_t kExpansion = 4;
  explicit BottleneckImpl(const BlockOptions& options);
  torch::Tensor forward(const torch::Tensor& input);

 private:
  torch::nn::Conv2d conv1_;
  torch::nn::BatchNorm2d bn1_;
  torch::nn::Conv2d conv2_;
  torch::nn::BatchNorm2d bn2_;
  torch::nn::Conv2d conv3_;
  torch::nn::BatchNorm2d bn3_;
  torch::nn::Sequential downsample_{nullptr};
};
TORCH_MODULE(Bottleneck);

/// A square convolution without bias that keeps the size at stride 1.
[[nodiscard]] torch::nn::Conv2d MakeConvolution(std::int64_t in, std::int64_t out,
                                                std::int64_t kernel, std::int64_t stride = 1);

}  // namespace ronde
