#include "frontends/resnet/models/resnet.h"

#include <map>
#include <set>

#include <gtest/gtest.h>

namespace ronde {
namespace {

ResNet Make(std::string_view name, std::int64_t classes = 1000, std::int64_t width = 16) {
  return ResNet(*FindResNet(name, width, 3, classes));
}

std::int64_t CountParameters(const torch::nn::Module& model) {
  std::int64_t count = 0;
  for (const torch::Tensor& parameter : model.parameters()) count += parameter.numel();
  return count;
}

TEST(ResNet, HasTorchvisionsNumberOfParameters) {
  const std::map<std::string, std::int64_t> expected = {{"resnet18", 11689512},
                                                        {"resnet34", 21797672},
                                                        {"resnet50", 25557032},
                                                        {"resnet101", 44549160}};
  for (const auto& [name, count] : expected) EXPECT_EQ(CountParameters(*Make(name)), count) << name;
}

TEST(ResNet, SmallNetworksHaveThePapersSize) {
  EXPECT_NEAR(static_cast<double>(CountParameters(*Make("resnet20", 10))), 0.27e6, 0.005e6);
  EXPECT_LT(CountParameters(*Make("resnet8", 10)), 80000);
  EXPECT_FALSE(FindResNet("resnet7", 16, 3, 10).has_value());
}

TEST(ResNet, HasTorchvisionsNames) {
  std::set<std::string> names;
  for (const auto& item : Make("resnet50")->named_parameters()) names.insert(item.key());
  EXPECT_EQ(names.size(), 161U);
  for (const char* name :
       {"conv1.weight", "bn1.bias", "layer1.0.conv3.weight", "layer1.0.downsample.0.weight",
        "layer2.3.bn2.weight", "layer4.0.downsample.1.bias", "layer4.2.bn3.bias", "fc.bias"}) {
    EXPECT_TRUE(names.count(name)) << name;
  }
}

TEST(ResNet, PutsTheStrideInThe3x3Convolution) {
  const auto parameters = Make("resnet50")->named_modules();
  for (const auto& item : parameters) {
    if (item.key() == "layer2.0.conv1") {
      EXPECT_EQ((*item.value()->as<torch::nn::Conv2d>()->options.stride())[0], 1);
    }
    if (item.key() == "layer2.0.conv2") {
      EXPECT_EQ((*item.value()->as<torch::nn::Conv2d>()->options.stride())[0], 2);
    }
  }
}

TEST(ResNet, StartsWithBlocksThatAreIdentities) {
  torch::manual_seed(1);
  for (const auto& item : Make("resnet20", 10)->named_parameters()) {
    const std::string& name = item.key();
    if (name.find("bn2.weight") != std::string::npos) {
      EXPECT_EQ(item.value().abs().max().item<float>(), 0) << name;
    } else if (name.find("bn1.weight") != std::string::npos) {
      EXPECT_EQ(item.value().min().item<float>(), 1) << name;
    } else if (name == "fc.weight") {
      EXPECT_NEAR(item.value().std().item<float>(), 0.01, 0.001);
    } else if (name == "layer3.2.conv2.weight") {  // fan out 64 * 9
      EXPECT_NEAR(item.value().std().item<float>(), std::sqrt(2.0 / (64 * 9)), 0.002);
    }
  }
}

TEST(ResNet, MapsImagesToLogits) {
  const torch::NoGradGuard no_grad;
  EXPECT_EQ(Make("resnet8", 10)->forward(torch::rand({2, 3, 28, 28})).sizes(),
            (std::vector<std::int64_t>{2, 10}));
  EXPECT_EQ(Make("resnet18", 7)->forward(torch::rand({2, 3, 64, 64})).sizes(),
            (std::vector<std::int64_t>{2, 7}));
}

TEST(ResNet, ChannelsLastChangesNoValue) {
  const torch::NoGradGuard no_grad;
  ResNet model = Make("resnet8", 10);
  model->eval();
  const torch::Tensor images = torch::rand({2, 3, 32, 32});
  const torch::Tensor before = model->forward(images);
  UseChannelsLast(*model);
  EXPECT_TRUE(torch::allclose(before, model->forward(images), 1e-4, 1e-5));
  EXPECT_EQ(model->named_parameters()["layer1.0.conv1.weight"].suggest_memory_format(),
            at::MemoryFormat::ChannelsLast);
}

}  // namespace
}  // namespace ronde
