#include "frontends/resnet/models/resnet.h"

#include <utility>

#include "core/base/strcat.h"
#include "frontends/resnet/models/residual_block.h"

namespace ronde {
namespace {

template <typename Block, typename BlockImpl>
void AppendBlock(torch::nn::Sequential& stage, std::int64_t& in_channels, std::int64_t channels,
                 std::int64_t stride) {
  const std::int64_t out = channels * BlockImpl::kExpansion;
  stage->push_back(Block(BlockOptions{in_channels, out, stride}));
  in_channels = out;
}

}  // namespace

std::optional<ResNetOptions> FindResNet(std::string_view name, std::int64_t width,
                                        std::int64_t image_channels, std::int64_t classes) {
  const auto cifar = [&](std::int64_t blocks) {
    return ResNetOptions{true, false, {blocks, blocks, blocks}, width, image_channels, classes};
  };
  const auto imagenet = [&](bool bottleneck, std::vector<std::int64_t> blocks) {
    return ResNetOptions{false, bottleneck, std::move(blocks), 64, image_channels, classes};
  };
  if (name == "resnet8") return cifar(1);
  if (name == "resnet20") return cifar(3);
  if (name == "resnet18") return imagenet(false, {2, 2, 2, 2});
  if (name == "resnet34") return imagenet(false, {3, 4, 6, 3});
  if (name == "resnet50") return imagenet(true, {3, 4, 6, 3});
  if (name == "resnet101") return imagenet(true, {3, 4, 23, 3});
  return std::nullopt;
}

ResNetImpl::ResNetImpl(const ResNetOptions& options)
    : cifar_style_(options.cifar_style), in_channels_(options.width) {
  conv1_ = register_module(
      "conv1", cifar_style_ ? MakeConvolution(options.image_channels, options.width, 3)
                            : MakeConvolution(options.image_channels, options.width, 7, 2));
  bn1_ = register_module("bn1", torch::nn::BatchNorm2d(options.width));
  for (std::size_t i = 0; i < options.blocks.size(); ++i) {
    torch::nn::Sequential stage =
        MakeStage(options, options.width << i, options.blocks[i], i == 0 ? 1 : 2);
    stages_.push_back(register_module(StrCat("layer", i + 1), stage));
  }
  fc_ = register_module("fc", torch::nn::Linear(in_channels_, options.classes));
  InitializeWeights();
}

torch::nn::Sequential ResNetImpl::MakeStage(const ResNetOptions& options, std::int64_t channels,
                                            std::int64_t blocks, std::int64_t stride) {
  torch::nn::Sequential stage;
  for (std::int64_t i = 0; i < blocks; ++i) {
    const std::int64_t block_stride = i == 0 ? stride : 1;
    if (options.bottleneck) {
      AppendBlock<Bottleneck, BottleneckImpl>(stage, in_channels_, channels, block_stride);
    } else {
      AppendBlock<BasicBlock, BasicBlockImpl>(stage, in_channels_, channels, block_stride);
    }
  }
  return stage;
}

void ResNetImpl::InitializeWeights() {
  for (const std::shared_ptr<torch::nn::Module>& module : modules(/*include_self=*/false)) {
    if (auto* convolution = module->as<torch::nn::Conv2d>()) {
      torch::nn::init::kaiming_normal_(convolution->weight, 0, torch::kFanOut, torch::kReLU);
    }
  }
  torch::nn::init::normal_(fc_->weight, 0, 0.01);
  torch::nn::init::zeros_(fc_->bias);
}

torch::Tensor ResNetImpl::forward(const torch::Tensor& images) {
  torch::Tensor x = bn1_(conv1_(images)).relu_();
  if (!cifar_style_) x = torch::max_pool2d(x, 3, 2, 1);
  for (torch::nn::Sequential& stage : stages_) x = stage->forward(x);
  x = torch::adaptive_avg_pool2d(x, {1, 1}).flatten(1);
  return fc_(x);
}

void UseChannelsLast(torch::nn::Module& module) {
  const torch::NoGradGuard no_grad;
  for (torch::Tensor& parameter : module.parameters()) {
    if (parameter.dim() == 4) {
      parameter.set_data(parameter.contiguous(at::MemoryFormat::ChannelsLast));
    }
  }
}

}  // namespace ronde
