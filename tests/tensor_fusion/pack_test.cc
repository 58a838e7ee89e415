#include "tensor_fusion/pack.h"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tensor_fusion/fusion_buffer.h"
#include "tensor_fusion/widen.h"

namespace ronde {
namespace {

TEST(Pack, RoundsSizesUpToTheAlignment) {
  EXPECT_EQ(PackedSize(0), 0U);
  EXPECT_EQ(PackedSize(1), 64U);
  EXPECT_EQ(PackedSize(64), 64U);
  EXPECT_EQ(PackedSize(65), 128U);
}

TEST(Pack, ReturnsWhatWasPackedAndZeroesThePadding) {
  std::vector<std::uint8_t> first(70);
  std::vector<std::uint8_t> second(64);
  std::iota(first.begin(), first.end(), std::uint8_t{1});
  std::iota(second.begin(), second.end(), std::uint8_t{101});
  std::vector<std::uint8_t> first_out(first.size());
  std::vector<std::uint8_t> second_out(second.size());
  const std::vector<PackedTensor> tensors = {{first.data(), first_out.data(), first.size()},
                                             {nullptr, nullptr, 0},
                                             {second.data(), second_out.data(), second.size()}};
  std::vector<std::byte> buffer(192, std::byte{0xff});
  Pack(tensors, buffer.data());
  for (std::size_t i = first.size(); i < 128; ++i) EXPECT_EQ(buffer[i], std::byte{0}) << i;
  EXPECT_EQ(std::memcmp(buffer.data() + 128, second.data(), second.size()), 0);

  Unpack(tensors, buffer.data());
  EXPECT_EQ(first_out, first);
  EXPECT_EQ(second_out, second);
}

// Three tensors in one buffer, as Pack would lay them out.
class LaidOut : public testing::Test {
 protected:
  std::vector<PackedTensor> Tensors() {
    std::byte* const data = buffer_.data();
    return {{data, data, 64, 0},
            {data + 64, data + 64, 70, 58},
            {nullptr, nullptr, 0, 0},
            {data + 192, data + 192, 4, 60}};
  }
  std::vector<std::byte> buffer_ = std::vector<std::byte>(256);
};

TEST(Pack, BringsTogetherWhatFitsAndAtLeastOne) {
  const std::vector<PackedTensor> tensors = {
      {nullptr, nullptr, 60}, {nullptr, nullptr, 64}, {nullptr, nullptr, 4}};
  EXPECT_EQ(FitTogether(tensors, 0), 1U);
  EXPECT_EQ(FitTogether(tensors, 127), 1U);
  EXPECT_EQ(FitTogether(tensors, 128), 2U);
  EXPECT_EQ(FitTogether(tensors, 1000), 3U);
}

TEST_F(LaidOut, IsFoundWhereItLies) {
  EXPECT_EQ(FindPacked(Tensors()), buffer_.data());
  EXPECT_EQ(FindPacked({}), nullptr);
  EXPECT_EQ(FindPacked(std::vector<PackedTensor>(2)), nullptr) << "no elements";
}

TEST_F(LaidOut, IsNotFoundWherePaddingIsNotLent) {
  for (const std::size_t i : {std::size_t{1}, std::size_t{3}}) {
    std::vector<PackedTensor> tensors = Tensors();
    --tensors[i].padding_bytes;
    EXPECT_EQ(FindPacked(tensors), nullptr) << i;
  }
}

TEST_F(LaidOut, IsNotFoundInAnotherOrderWithGapsOrOutOfPlace) {
  std::vector<PackedTensor> tensors = Tensors();
  std::swap(tensors[0], tensors[1]);
  EXPECT_EQ(FindPacked(tensors), nullptr);
  tensors = Tensors();
  tensors.erase(tensors.begin() + 1);
  EXPECT_EQ(FindPacked(tensors), nullptr);
  tensors = Tensors();
  std::vector<std::byte> input(64);
  tensors[0].input = input.data();
  EXPECT_EQ(FindPacked(tensors), nullptr);
}

TEST(FusionBuffer, GrowsIsAlignedAndKeepsItsMemory) {
  FusionBuffer buffer;
  std::byte* small = buffer.Acquire(DataType::kFloat32, 100);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(small) % kPackAlignmentBytes, 0U);
  EXPECT_EQ(buffer.Acquire(DataType::kFloat32, 4096), small);
  const std::byte* large = buffer.Acquire(DataType::kFloat32, 100000);
  EXPECT_GE(buffer.capacity_bytes(DataType::kFloat32), 100000U);
  EXPECT_EQ(buffer.Acquire(DataType::kFloat32, 100), large);
  EXPECT_EQ(buffer.capacity_bytes(DataType::kFloat64), 0U);
  EXPECT_NE(buffer.Acquire(DataType::kFloat64, 0), nullptr);
}

TEST(Widen, NarrowUndoesItForEvery16BitValue) {
  std::vector<std::uint16_t> values(1 << 16);
  std::iota(values.begin(), values.end(), std::uint16_t{0});
  std::vector<float> wide(values.size());
  std::vector<std::uint16_t> back(values.size());
  for (const DataType dtype : {DataType::kFloat16, DataType::kBFloat16}) {
    const auto count = static_cast<std::int64_t>(values.size());
    Widen(dtype, values.data(), wide.data(), count);
    Narrow(dtype, wide.data(), back.data(), count);
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (std::isnan(wide[i])) continue;
      ASSERT_EQ(back[i], values[i]) << Name(dtype) << " " << i;
    }
  }
}

TEST(Widen, NarrowRoundsToNearestEven) {
  const std::vector<float> values = {1 + 0x1p-8F, 1 + 0x3p-8F, 1 + 0x1p-8F + 0x1p-20F};
  std::vector<std::uint16_t> narrow(3);
  Narrow(DataType::kBFloat16, values.data(), narrow.data(), 3);
  EXPECT_EQ(narrow, (std::vector<std::uint16_t>{0x3f80, 0x3f82, 0x3f81}));
}

}  // namespace
}  // namespace ronde
