#include "tensor_fusion/device/pack_kernels.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include <gtest/gtest.h>

#include "collectives/device/kernels/convert_host.h"
#include "collectives/reduce_kernels.h"
#include "core/device/simulated_device.h"
#include "core/device/stream.h"
#include "tensor_fusion/device/pack_kernel.h"
#include "tensor_fusion/widen.h"
#include "tests/collectives/device/kernels/threaded_space.h"
#include "tests/conformance/allreduce_values.h"

namespace ronde {
namespace {

constexpr std::size_t kGuard = 64;
constexpr std::byte kFill{0xa5};

// A batch in memory, each tensor `skew` elements (of its own number) behind a multiple of 64 bytes.
class Batch {
 public:
  Batch(DataType dtype, const std::vector<std::int64_t>& counts, int skew) : dtype_(dtype) {
    std::size_t number = 0;
    for (const std::int64_t count : counts) {
      const std::size_t size_bytes = static_cast<std::size_t>(count) * SizeOf(dtype);
      const std::size_t offset =
          kGuard + (number * static_cast<std::size_t>(skew)) % 17 * SizeOf(dtype);
      auto& input = inputs_.emplace_back(2 * kGuard + offset + size_bytes, kFill);
      auto& output = outputs_.emplace_back(2 * kGuard + offset + size_bytes, kFill);
      const auto values = MakeInput(dtype, count, 5, static_cast<int>(number++));
      std::byte* const in = Align(input.data()) + offset;
      if (count != 0) std::memcpy(in, values.data(), size_bytes);
      tensors_.push_back({in, Align(output.data()) + offset, size_bytes});
    }
  }

  [[nodiscard]] const std::vector<PackedTensor>& tensors() const { return tensors_; }
  /// What the buffer must hold.
  [[nodiscard]] std::vector<std::byte> Packed(const PackFormat& format) const {
    std::vector<std::byte> packed;
    for (const PackedTensor& tensor : tensors_) {
      const auto count = static_cast<std::int64_t>(tensor.size_bytes / SizeOf(dtype_));
      const std::size_t begin = packed.size();
      const std::size_t size_bytes = static_cast<std::size_t>(count) * SizeOf(format.packed_dtype);
      packed.resize(begin + PackedSize(size_bytes));
      Cast(dtype_, tensor.input, format.packed_dtype, packed.data() + begin, count, format.scale);
    }
    return packed;
  }
  /// Whether the outputs hold what is packed, and nothing beside them was touched.
  void CheckOutputs(const std::vector<std::byte>& packed, const PackFormat& format) const {
    const std::byte* from = packed.data();
    for (std::size_t i = 0; i < tensors_.size(); ++i) {
      const auto count = static_cast<std::int64_t>(tensors_[i].size_bytes / SizeOf(dtype_));
      std::vector<std::byte> expected(outputs_[i].size(), kFill);
      const std::ptrdiff_t offset =
          static_cast<const std::byte*>(tensors_[i].output) - outputs_[i].data();
      Cast(format.packed_dtype, from, dtype_, expected.data() + offset, count, format.scale);
      EXPECT_TRUE(outputs_[i] == expected) << "tensor " << i << " of " << count << " elements";
      from += PackedSize(static_cast<std::size_t>(count) * SizeOf(format.packed_dtype));
    }
  }

  static std::byte* Align(std::byte* data) {
    return data + (64 - reinterpret_cast<std::uintptr_t>(data) % 64) % 64;
  }

 private:
  // By way of the host's own functions.
  static void Cast(DataType from, const void* input, DataType to, void* output, std::int64_t count,
                   double scale) {
    if (from == to) return Scale(from, input, output, count, scale);
    std::vector<float> values(static_cast<std::size_t>(count));
    if (from == DataType::kFloat32) {
      Scale(from, input, values.data(), count, scale);
      return Narrow(to, values.data(), output, count);
    }
    Widen(from, input, values.data(), count);
    Scale(to, values.data(), output, count, scale);
  }

  DataType dtype_;
  std::vector<std::vector<std::byte>> inputs_;
  std::vector<std::vector<std::byte>> outputs_;
  std::vector<PackedTensor> tensors_;
};

struct Case {
  PackFormat format;
  const char* name;
};

std::vector<Case> Cases() {
  using enum DataType;
  return {{{kFloat32, kFloat32, 1}, "f32"},
          {{kUInt8, kUInt8, 1}, "u8"},
          {{kInt64, kInt64, 1}, "i64"},
          {{kFloat16, kFloat16, 1}, "f16"},
          {{kFloat32, kFloat32, 0.25}, "f32Scaled"},
          {{kFloat64, kFloat64, 0.3}, "f64Scaled"},
          {{kFloat16, kFloat16, 0.3}, "f16Scaled"},
          {{kBFloat16, kBFloat16, -0.3}, "bf16Scaled"},
          {{kFloat32, kFloat16, 1}, "f32ToF16"},
          {{kFloat32, kBFloat16, -0.7}, "f32ToBf16"},
          {{kFloat16, kFloat32, 0.7}, "f16ToF32"},
          {{kBFloat16, kFloat32, 1}, "bf16ToF32"}};
}

class PackKernelsOf : public testing::TestWithParam<Case> {
 protected:
  void Check(const std::vector<std::int64_t>& counts, int skew) {
    const PackFormat& format = GetParam().format;
    const Batch batch(format.tensor_dtype, counts, skew);
    const std::vector<std::byte> expected = batch.Packed(format);
    std::vector<std::byte> storage(expected.size() + 2 * kGuard, kFill);
    std::byte* const buffer = Batch::Align(storage.data());
    auto stream = Stream::Create(device_, StreamPriority::kDefault);
    auto kernels = CreatePackKernels(device_);
    ASSERT_TRUE(stream.ok() && kernels.ok());
    const StreamView view = stream.value().view();
    ASSERT_TRUE(kernels.value()->Pack(view, batch.tensors(), buffer, format).ok());
    ASSERT_TRUE(device_.Synchronize(view.native, Deadline::After(20)).ok());
    EXPECT_TRUE(std::equal(expected.begin(), expected.end(), buffer))
        << GetParam().name << " skew " << skew;
    EXPECT_EQ(buffer[expected.size()], kFill);
    ASSERT_TRUE(kernels.value()->Unpack(view, batch.tensors(), buffer, format).ok());
    ASSERT_TRUE(device_.Synchronize(view.native, Deadline::After(20)).ok());
    batch.CheckOutputs(expected, format);
  }

  SimulatedDevice device_;
};

TEST_P(PackKernelsOf, LaysTensorsOutAsPackDoesWhateverTheirSizeAndAlignment) {
  for (const int skew : {0, 1, 3}) {
    SCOPED_TRACE(skew);
    Check({1, 0, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 129, 1000}, skew);
    Check({5, 40000, 3, 1, 10007, 64, 0}, skew);
    Check({0}, skew);
    Check({}, skew);
  }
}

TEST_P(PackKernelsOf, TakesMoreTensorsThanOneLaunch) {
  Check(std::vector<std::int64_t>(300, 5), 1);
  Check(std::vector<std::int64_t>(2500, 3), 1);
}

INSTANTIATE_TEST_SUITE_P(All, PackKernelsOf, testing::ValuesIn(Cases()),
                         [](const auto& param) { return param.param.name; });

TEST(PackKernels, PackAResnetInOneLaunchAndUnpackItInOne) {
  SimulatedDevice device;
  std::vector<std::int64_t> counts = {50000};
  for (int i = 0; i < 160; ++i) counts.push_back(i % 3 == 0 ? 64 : 512);
  const Batch batch(DataType::kFloat32, counts, 0);
  std::vector<std::byte> storage(PackedSizeOf(batch.tensors()) + kGuard);
  auto stream = Stream::Create(device, StreamPriority::kDefault);
  auto kernels = CreatePackKernels(device);
  const StreamView view = stream.value().view();
  std::byte* const buffer = Batch::Align(storage.data());
  ASSERT_TRUE(kernels.value()->Pack(view, batch.tensors(), buffer, {}).ok());
  ASSERT_TRUE(kernels.value()->Unpack(view, batch.tensors(), buffer, {}).ok());
  ASSERT_TRUE(device.Synchronize(view.native, Deadline::After(20)).ok());
  EXPECT_EQ(device.launches(), 2);
}

TEST(PackKernels, RefuseFormatsThatTheyHaveNot) {
  SimulatedDevice device;
  auto kernels = CreatePackKernels(device);
  const StreamView stream = {&device, nullptr};
  for (const PackFormat& format : {PackFormat{DataType::kInt32, DataType::kInt32, 0.5},
                                   PackFormat{DataType::kFloat64, DataType::kFloat32, 1},
                                   PackFormat{DataType::kFloat16, DataType::kBFloat16, 1}}) {
    EXPECT_EQ(kernels.value()->Pack(stream, {}, nullptr, format).code(),
              StatusCode::kInvalidArgument);
  }
}

// With several threads a block, which the simulated device has not: the loop over whole chunks.
TEST(PackKernel, DealsChunksOutToBlocksAndVectorsToThreads) {
  constexpr std::uint32_t kLines = 2 * kernels::kChunkLines + 10;
  std::vector<std::byte> input(std::size_t{kLines} * 64 + 64);
  for (std::size_t i = 0; i < input.size(); ++i) input[i] = static_cast<std::byte>(i * 7 + i / 256);
  std::vector<std::byte> storage(input.size());
  std::vector<std::byte> output(input.size());
  std::byte* const buffer = Batch::Align(storage.data());
  using Kernel = kernels::PackKernel<kernels::CopyFormat, 4>;
  Kernel kernel = {};
  kernel.table.count = 2;
  kernel.table.tensors[0] = Batch::Align(input.data());
  kernel.table.tensors[1] = Batch::Align(input.data()) + 64 * (kLines - 3);
  kernel.table.first_line[1] = kLines - 3;
  kernel.table.first_line[2] = kLines;
  kernel.buffer = buffer;
  RunThreaded(2, 3, kernel);
  EXPECT_EQ(std::memcmp(buffer, Batch::Align(input.data()), std::size_t{kLines} * 64), 0);
  using Reverse = kernels::UnpackKernel<kernels::CopyFormat, 4>;
  Reverse reverse = {};
  reverse.table.count = 1;
  reverse.table.tensors[0] = Batch::Align(output.data());
  reverse.table.first_line[1] = kLines;
  reverse.buffer = buffer;
  RunThreaded(3, 5, reverse);
  EXPECT_EQ(std::memcmp(buffer, Batch::Align(output.data()), std::size_t{kLines} * 64), 0);
}

}  // namespace
}  // namespace ronde
