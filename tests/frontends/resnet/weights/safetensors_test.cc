#include "frontends/resnet/weights/safetensors.h"

#include <filesystem>
#include <fstream>
#include <iterator>

#include <gmock/gmock.h>

namespace ronde {
namespace {

using testing::HasSubstr;

class Safetensors : public testing::Test {
 protected:
  ~Safetensors() override { std::filesystem::remove(path_); }

  TensorFile WriteAndRead(const TensorFile& file) {
    const Status written = WriteSafetensors(file, path_);
    EXPECT_TRUE(written.ok()) << written.message();
    auto read = ReadSafetensors(path_);
    EXPECT_TRUE(read.ok()) << read.status().message();
    return read.ok() ? std::move(read).value() : TensorFile{};
  }
  std::string MessageForBytes(const std::string& bytes) {
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << bytes;
    const auto read = ReadSafetensors(path_);
    return read.ok() ? "" : read.status().message();
  }
  [[nodiscard]] std::string Bytes() const {
    std::ifstream file(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  std::string path_ = testing::TempDir() +
                      testing::UnitTest::GetInstance()->current_test_info()->name() +
                      ".safetensors";
};

at::Tensor Find(const TensorFile& file, const std::string& name) {
  for (const auto& [candidate, tensor] : file.tensors) {
    if (candidate == name) return tensor;
  }
  return {};
}

TEST_F(Safetensors, GivesBackEveryDtype) {
  TensorFile file;
  for (const at::ScalarType type : {at::kByte, at::kChar, at::kShort, at::kInt, at::kLong,
                                    at::kHalf, at::kBFloat16, at::kFloat, at::kDouble, at::kBool}) {
    file.tensors.emplace_back(at::toString(type), at::arange(5).to(type));
  }
  const TensorFile read = WriteAndRead(file);
  ASSERT_EQ(read.tensors.size(), file.tensors.size());
  for (const auto& [name, tensor] : file.tensors) {
    const at::Tensor again = Find(read, name);
    ASSERT_TRUE(again.defined()) << name;
    EXPECT_EQ(again.scalar_type(), tensor.scalar_type());
    EXPECT_TRUE(at::equal(again, tensor)) << name;
  }
}

TEST_F(Safetensors, GivesBackMetadata) {
  const TensorFile read = WriteAndRead({{}, {{"format", "pt"}, {"step", "12"}}});
  EXPECT_TRUE(read.tensors.empty());
  EXPECT_EQ(read.metadata, (std::map<std::string, std::string>{{"format", "pt"}, {"step", "12"}}));
}

TEST_F(Safetensors, WritesRowMajorValuesWhateverTheStrides) {
  const at::Tensor image = at::arange(120, at::kFloat).view({2, 3, 4, 5});
  const at::Tensor channels_last = image.contiguous(at::MemoryFormat::ChannelsLast);
  const at::Tensor matrix = at::arange(12, at::kFloat).view({3, 4});
  const TensorFile read = WriteAndRead({{{"channels_last", channels_last},
                                         {"transposed", matrix.t()},
                                         {"sliced", matrix.slice(1, 1, 3)},
                                         {"expanded", at::ones({1}).expand({3})}},
                                        {}});
  EXPECT_TRUE(at::equal(Find(read, "channels_last"), image));
  EXPECT_TRUE(Find(read, "channels_last").is_contiguous());
  EXPECT_TRUE(at::equal(Find(read, "transposed"), matrix.t()));
  EXPECT_TRUE(at::equal(Find(read, "sliced"), matrix.slice(1, 1, 3)));
  EXPECT_TRUE(at::equal(Find(read, "expanded"), at::ones({3})));
}

TEST_F(Safetensors, HoldsScalarsAndEmptyTensors) {
  const TensorFile read = WriteAndRead(
      {{{"scalar", at::scalar_tensor(3, at::kLong)}, {"empty", at::empty({0, 4})}}, {}});
  EXPECT_EQ(Find(read, "scalar").item<std::int64_t>(), 3);
  EXPECT_EQ(Find(read, "scalar").dim(), 0);
  EXPECT_EQ(Find(read, "empty").sizes(), (at::IntArrayRef{0, 4}));
}

TEST_F(Safetensors, LeavesNothingBehindWhereATensorCannotBeHeld) {
  for (const at::Tensor& bad : {at::Tensor(), at::zeros({1}, at::kComplexFloat),
                                at::zeros({1}, at::kMeta), at::zeros({2, 2}).to_sparse()}) {
    const Status status = WriteSafetensors({{{"bad", bad}}, {}}, path_);
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    EXPECT_THAT(status.message(), HasSubstr("'bad'"));
    EXPECT_FALSE(std::filesystem::exists(path_));
  }
}

TEST_F(Safetensors, NamesTheFolderThatIsMissing) {
  const Status status = WriteSafetensors({}, "/no/such/folder/file");
  EXPECT_EQ(status.code(), StatusCode::kUnavailable);
  EXPECT_THAT(status.message(), HasSubstr("/no/such/folder/file: cannot be written: "));
}

TEST_F(Safetensors, TellsOfEveryCut) {
  ASSERT_TRUE(WriteSafetensors({{{"w", at::ones({3})}}, {}}, path_).ok());
  const std::string bytes = Bytes();
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_THAT(MessageForBytes(bytes.substr(0, length)), HasSubstr(path_)) << length;
  }
  EXPECT_THAT(MessageForBytes(bytes + "x"), HasSubstr("13 bytes of values; expected 12"));
}

TEST_F(Safetensors, RefusesAHeaderLengthBeyondTheFile) {
  EXPECT_THAT(MessageForBytes(std::string(8, '\xff') + "{}"), HasSubstr("expected at most 2"));
}

TEST_F(Safetensors, RefusesBytesThatAreNoBools) {
  ASSERT_TRUE(WriteSafetensors({{{"mask", at::ones({2}, at::kBool)}}, {}}, path_).ok());
  std::string bytes = Bytes();
  bytes.back() = 2;
  EXPECT_THAT(MessageForBytes(bytes), HasSubstr("'mask' of dtype BOOL"));
}

TEST_F(Safetensors, NamesWhatCannotBeRead) {
  EXPECT_THAT(ReadSafetensors("/no/such/file").status().message(),
              HasSubstr("/no/such/file: cannot be read: No such file"));
  EXPECT_THAT(ReadSafetensors("/").status().message(), HasSubstr("it is a folder"));
}

}  // namespace
}  // namespace ronde
