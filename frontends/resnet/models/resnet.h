#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <torch/torch.h>

namespace ronde {

/// The shape of a residual network.
struct ResNetOptions {
  /// Three stages behind a 3x3 stem, for images of about 32 pixels (He et al., section 4.2), with
  /// projection shortcuts. Otherwise torchvision's network: four stages behind a 7x7 stem with
  /// max-pooling, whatever the image size.
  bool cifar_style = false;
  bool bottleneck = false;           ///< blocks of 1x1, 3x3, 1x1 (v1.5: the 3x3 has the stride)
  std::vector<std::int64_t> blocks;  ///< per stage
  std::int64_t width = 64;           ///< channels of the first stage
  std::int64_t image_channels = 3;
  std::int64_t classes = 1000;
};

/// Options of "resnet8", "resnet20" (both of `width`), "resnet18", "resnet34", "resnet50",
/// "resnet101"; nothing for another name.
[[nodiscard]] std::optional<ResNetOptions> FindResNet(std::string_view name, std::int64_t width,
                                                      std::int64_t image_channels,
                                                      std::int64_t classes);

/// A residual network whose parameters have torchvision's names: conv1.weight, bn1.weight,
/// layer1.0.conv1.weight, layer2.0.downsample.0.weight, ..., fc.bias.
/// Initial weights, from torch's generator: convolutions normal (He et al. 2015, fan out), the
/// classifier normal(0, 0.01), every block's last batch norm 0, so that blocks start as identities.
/// Source: He, Zhang, Ren, Sun, CVPR 2016; Goyal et al., arXiv:1706.02677 (the zero).
class ResNetImpl : public torch::nn::Module {
 public:
  explicit ResNetImpl(const ResNetOptions& options);
  /// images: [N, image_channels, height, width]; returns logits [N, classes].
  torch::Tensor forward(const torch::Tensor& images);

 private:
  torch::nn::Sequential MakeStage(const ResNetOptions& options, std::int64_t channels,
                                  std::int64_t blocks, std::int64_t stride);
  void InitializeWeights();

  bool cifar_style_;
  std::int64_t in_channels_;  // of the stage to be made next
  torch::nn::Conv2d conv1_{nullptr};
  torch::nn::BatchNorm2d bn1_{nullptr};
  std::vector<torch::nn::Sequential> stages_;
  torch::nn::Linear fc_{nullptr};
};
TORCH_MODULE(ResNet);

/// Puts the weights of all convolutions into channels-last memory order, which the CPU kernels run
/// about 1.4 times as fast. Names, shapes and values stay.
void UseChannelsLast(torch::nn::Module& module);

}  // namespace ronde
