#include "frontends/resnet/models/residual_block.h"

namespace ronde {
namespace {

// The projection where a block changes the shape, else null.
torch::nn::Sequential MakeShortcut(const BlockOptions& options) {
  if (options.stride == 1 && options.in == options.out) return nullptr;
  return torch::nn::Sequential(MakeConvolution(options.in, options.out, 1, options.stride),
                               torch::nn::BatchNorm2d(options.out));
}

torch::Tensor Shortcut(torch::nn::Sequential& downsample, const torch::Tensor& input) {
  return downsample.is_empty() ? input : downsample->forward(input);
}

}  // namespace

torch::nn::Conv2d MakeConvolution(std::int64_t in, std::int64_t out, std::int64_t kernel,
                                  std::int64_t stride) {
  return torch::nn::Conv2d(
      torch::nn::Conv2dOptions(in, out, kernel).stride(stride).padding(kernel / 2).bias(false));
}

BasicBlockImpl::BasicBlockImpl(const BlockOptions& options)
    : conv1_(MakeConvolution(options.in, options.out, 3, options.stride)),
      bn1_(options.out),
      conv2_(MakeConvolution(options.out, options.out, 3)),
      bn2_(options.out),
      downsample_(MakeShortcut(options)) {
  register_module("conv1", conv1_);
  register_module("bn1", bn1_);
  register_module("conv2", conv2_);
  register_module("bn2", bn2_);
  if (!downsample_.is_empty()) register_module("downsample", downsample_);
  torch::nn::init::zeros_(bn2_->weight);
}

torch::Tensor BasicBlockImpl::forward(const torch::Tensor& input) {
  torch::Tensor x = bn1_(conv1_(input)).relu_();
  x = bn2_(conv2_(x));
  return x.add_(Shortcut(downsample_, input)).relu_();
}

BottleneckImpl::BottleneckImpl(const BlockOptions& options)
    : conv1_(MakeConvolution(options.in, options.out / kExpansion, 1)),
      bn1_(options.out / kExpansion),
      conv2_(
          MakeConvolution(options.out / kExpansion, options.out / kExpansion, 3, options.stride)),
      bn2_(options.out / kExpansion),
      conv3_(MakeConvolution(options.out / kExpansion, options.out, 1)),
      bn3_(options.out),
      downsample_(MakeShortcut(options)) {
  register_module("conv1", conv1_);
  register_module("bn1", bn1_);
  register_module("conv2", conv2_);
  register_module("bn2", bn2_);
  register_module("conv3", conv3_);
  register_module("bn3", bn3_);
  if (!downsample_.is_empty()) register_module("downsample", downsample_);
  torch::nn::init::zeros_(bn3_->weight);
}

torch::Tensor BottleneckImpl::forward(const torch::Tensor& input) {
  torch::Tensor x = bn1_(conv1_(input)).relu_();
  x = bn2_(conv2_(x)).relu_();
  x = bn3_(conv3_(x));
  return x.add_(Shortcut(downsample_, input)).relu_();
}

}  // namespace ronde
