#include "frontends/resnet/weights/model_weights.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>

#include "frontends/resnet/models/resnet.h"

namespace ronde {
namespace {

using testing::AllOf;
using testing::HasSubstr;

ResNet TinyModel(std::int64_t classes = 10, std::int64_t width = 4) {
  return ResNet(*FindResNet("resnet8", width, 3, classes));
}

NamedTensors CopyOfState(const torch::nn::Module& module) {
  NamedTensors state;
  for (const auto& [name, tensor] : NamedParameters(module))
    state.emplace_back(name, tensor.clone());
  for (const auto& [name, tensor] : NamedBuffers(module)) state.emplace_back(name, tensor.clone());
  return state;
}

void Erase(NamedTensors& tensors, const std::string& suffix) {
  std::erase_if(tensors, [&](const auto& named) { return named.first.ends_with(suffix); });
}

void ExpectSameState(const torch::nn::Module& a, const torch::nn::Module& b) {
  const NamedTensors expected = CopyOfState(a);
  const NamedTensors got = CopyOfState(b);
  ASSERT_EQ(expected.size(), got.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    EXPECT_TRUE(at::equal(expected[i].second, got[i].second)) << got[i].first;
  }
}

class ModelWeights : public testing::Test {
 protected:
  ModelWeights() { std::filesystem::create_directories(folder_); }
  ~ModelWeights() override { std::filesystem::remove_all(folder_); }
  [[nodiscard]] std::string Path(const std::string& name) const { return folder_ / name; }

 private:
  std::filesystem::path folder_ = testing::TempDir() + "model_weights_" +
                                  testing::UnitTest::GetInstance()->current_test_info()->name();
};

TEST_F(ModelWeights, ComeBackFromBothFormatsWhateverTheName) {
  ResNet model = TinyModel();
  UseChannelsLast(*model);
  for (const char* name : {"model.pt", "model.safetensors"}) {
    ASSERT_TRUE(SaveWeights(*model, Path(name)).ok());
    std::filesystem::rename(Path(name), Path("renamed"));
    const auto tensors = ReadWeights(Path("renamed"));
    ASSERT_TRUE(tensors.ok()) << tensors.status().message();
    ResNet other = TinyModel();
    UseChannelsLast(*other);
    const Status loaded = LoadWeights(*other, tensors.value());
    ASSERT_TRUE(loaded.ok()) << loaded.message();
    ExpectSameState(*model, *other);
    const at::Tensor weight = other->named_parameters()["layer1.0.conv1.weight"];
    EXPECT_TRUE(weight.is_contiguous(at::MemoryFormat::ChannelsLast));
  }
}

TEST_F(ModelWeights, ReplaceAFileWithoutLeavingATemporaryOne) {
  for (const char* name : {"model.pt", "model.safetensors"}) {
    std::ofstream(Path(name)) << "old";
    ASSERT_TRUE(SaveWeights(*TinyModel(), Path(name)).ok());
    EXPECT_TRUE(ReadWeights(Path(name)).ok());
    EXPECT_FALSE(std::filesystem::exists(Path(name) + ".tmp"));
  }
}

TEST_F(ModelWeights, AreReadWithoutCountsOfBatchesAndInOtherPrecisions) {
  ResNet model = TinyModel();
  NamedTensors tensors = CopyOfState(*model);
  Erase(tensors, "num_batches_tracked");
  for (auto& [name, tensor] : tensors) tensor = tensor.to(at::kDouble);
  ResNet other = TinyModel();
  const Status loaded = LoadWeights(*other, tensors);
  ASSERT_TRUE(loaded.ok()) << loaded.message();
  ExpectSameState(*model, *other);
}

TEST_F(ModelWeights, SayWhatDoesNotFit) {
  ResNet model = TinyModel();
  NamedTensors tensors = CopyOfState(*model);
  Erase(tensors, "layer1.0.conv1.weight");
  tensors.emplace_back("layer9.weight", at::zeros({1}));
  for (auto& [name, tensor] : tensors) {
    if (name == "conv1.weight") tensor = at::zeros({4, 1, 3, 3});
    if (name == "bn1.weight") tensor = at::zeros({4}, at::kLong);
  }
  EXPECT_THAT(
      LoadWeights(*model, tensors).message(),
      AllOf(HasSubstr("missing 'layer1.0.conv1.weight'"), HasSubstr("unexpected 'layer9.weight'"),
            HasSubstr("'conv1.weight' of shape [4, 1, 3, 3] (expected [4, 3, 3, 3])"),
            HasSubstr("'bn1.weight' of dtype Long (expected Float)"), HasSubstr("--model")));
}

TEST_F(ModelWeights, ShowOnlyTheFirstFewDifferences) {
  const std::string message = LoadWeights(*TinyModel(10, 8), CopyOfState(*TinyModel())).message();
  EXPECT_THAT(message, HasSubstr(" more"));
  EXPECT_LT(message.size(), 600U);
  EXPECT_THAT(message, testing::Not(HasSubstr("\n")));
}

TEST_F(ModelWeights, NameBothNumbersOfClasses) {
  const Status status = LoadWeights(*TinyModel(10), CopyOfState(*TinyModel(100)));
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(),
              AllOf(HasSubstr("100 classes"), HasSubstr("the 10 of the data set")));
}

TEST_F(ModelWeights, TellOfAWrappersPrefix) {
  NamedTensors tensors = CopyOfState(*TinyModel());
  for (auto& [name, tensor] : tensors) name = "module." + name;
  EXPECT_THAT(LoadWeights(*TinyModel(), tensors).message(), HasSubstr("model.module.state_dict()"));
}

TEST_F(ModelWeights, ChangeNothingWhereTheyDoNotFit) {
  ResNet model = TinyModel();
  NamedTensors tensors = CopyOfState(*model);
  const NamedTensors before = CopyOfState(*model);
  for (auto& [name, tensor] : tensors) tensor.add_(1);
  Erase(tensors, "fc.bias");
  EXPECT_FALSE(LoadWeights(*model, tensors).ok());
  for (const auto& [name, tensor] : before) {
    const at::Tensor* now = model->named_parameters().find(name);
    if (now == nullptr) continue;  // a buffer
    EXPECT_TRUE(at::equal(*now, tensor)) << name;
  }
}

TEST_F(ModelWeights, RefuseFilesOfOtherKinds) {
  for (const char* contents :
       {"", "P", "GIF89a, an image", "\x80\x02}q.", "PK\x03\x04 and no more"}) {
    std::ofstream(Path("file"), std::ios::trunc) << contents;
    const auto tensors = ReadWeights(Path("file"));
    ASSERT_FALSE(tensors.ok());
    EXPECT_THAT(tensors.status().message(), HasSubstr(Path("file")));
  }
}

}  // namespace
}  // namespace ronde
