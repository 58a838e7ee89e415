#include "bench/collectives/data_pattern.h"

#include <cstring>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "collectives/reduce_kernels.h"

namespace ronde::bench {
namespace {

// Reduces the patterns of `ranks` ranks with the kernels under benchmark.
std::vector<std::byte> Reduced(std::int64_t count, DataType dtype, ReduceOp op, int ranks) {
  const std::size_t bytes = static_cast<std::size_t>(count) * SizeOf(dtype);
  std::vector<std::vector<std::byte>> inputs(static_cast<std::size_t>(ranks));
  std::vector<const void*> pointers;
  for (int rank = 0; rank < ranks; ++rank) {
    inputs[static_cast<std::size_t>(rank)].resize(bytes);
    FillPattern(inputs[static_cast<std::size_t>(rank)].data(), count, dtype, op, rank);
    pointers.push_back(inputs[static_cast<std::size_t>(rank)].data());
  }
  std::vector<std::byte> output(bytes);
  Reduce(op, dtype, pointers, output.data(), count, ScalingFor(op, dtype, 1, 1, ranks));
  return output;
}

TEST(DataPattern, IsExactForEveryTypeAndOperator) {
  for (int dtype = 0; dtype < kDataTypeCount; ++dtype) {
    for (int op = 0; op < kReduceOpCount; ++op) {
      for (const int ranks : {1, 2, 3, 8}) {
        const auto output =
            Reduced(100, static_cast<DataType>(dtype), static_cast<ReduceOp>(op), ranks);
        EXPECT_EQ(CountWrong(output.data(), 100, static_cast<DataType>(dtype),
                             static_cast<ReduceOp>(op), ranks),
                  0)
            << Name(static_cast<DataType>(dtype)) << " " << Name(static_cast<ReduceOp>(op)) << " "
            << ranks << " ranks";
      }
    }
  }
}

TEST(DataPattern, CountsEveryWrongElement) {
  auto output = Reduced(64, DataType::kFloat32, ReduceOp::kSum, 3);
  auto* values = reinterpret_cast<float*>(output.data());
  values[0] += 1;
  values[63] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(CountWrong(output.data(), 64, DataType::kFloat32, ReduceOp::kSum, 3), 2);
}

TEST(DataPattern, SeesAnUntouchedBuffer) {
  std::vector<float> untouched(10);
  std::memset(untouched.data(), 0xff, 40);
  EXPECT_EQ(CountWrong(untouched.data(), 10, DataType::kFloat32, ReduceOp::kSum, 2), 10);
}

}  // namespace
}  // namespace ronde::bench
