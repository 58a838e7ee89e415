#include "collectives/reduce_kernels.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "collectives/half.h"
#include "collectives/kernels/reduce_call.h"
#include "collectives/shared/stream_copy.h"
#include "tests/collectives/kernel_sets.h"
#include "tests/conformance/allreduce_values.h"

namespace ronde {
namespace {

struct Sizes {
  int inputs;
  std::int64_t count;
};

// Operators by their place in ReduceKernels.
constexpr std::array kOps = {ReduceOp::kSum, ReduceOp::kMin, ReduceOp::kMax, ReduceOp::kProduct};
int IndexOf(ReduceOp op) {
  if (op == ReduceOp::kAverage) op = ReduceOp::kSum;
  return static_cast<int>(std::find(kOps.begin(), kOps.end(), op) - kOps.begin());
}

// ReduceToAll by one set of kernels.
void ReduceWith(const ReduceKernels& kernels, ReduceOp op, DataType dtype,
                const std::vector<const void*>& inputs, const std::vector<void*>& outputs,
                std::int64_t count, const Scaling& scaling = {}, bool streams = false) {
  kernels.kernels[static_cast<int>(dtype)][IndexOf(op)](
      {inputs.data(), static_cast<int>(inputs.size()), outputs.data(),
       static_cast<int>(outputs.size()), streams, count, scaling.prescale, scaling.postscale,
       scaling.divisor});
}

// Reduces with the operands one and three elements off the alignment of vectors.
std::vector<std::byte> ReduceUnaligned(const ReduceKernels& kernels, ReduceOp op, DataType dtype,
                                       const std::vector<std::vector<std::byte>>& inputs,
                                       std::int64_t count, const Scaling& scaling) {
  const auto element = static_cast<std::ptrdiff_t>(SizeOf(dtype));
  std::vector<std::vector<std::byte>> shifted;
  std::vector<const void*> pointers;
  for (const auto& input : inputs) {
    shifted.emplace_back(input.size() + SizeOf(dtype));
    std::copy(input.begin(), input.end(), shifted.back().begin() + element);
  }
  for (const auto& input : shifted) pointers.push_back(input.data() + element);
  std::vector<std::byte> output(inputs[0].size() + 3 * SizeOf(dtype));
  ReduceWith(kernels, op, dtype, pointers, {output.data() + 3 * element}, count, scaling);
  return {output.begin() + 3 * element, output.end()};
}

double Apply(ReduceOp op, double a, double b) {
  if (op == ReduceOp::kMin) return b < a ? b : a;
  if (op == ReduceOp::kMax) return a < b ? b : a;
  return op == ReduceOp::kProduct ? a * b : a + b;
}

std::uint64_t Apply(ReduceOp op, std::int64_t a, std::int64_t b) {
  if (op == ReduceOp::kMin) return static_cast<std::uint64_t>(b < a ? b : a);
  if (op == ReduceOp::kMax) return static_cast<std::uint64_t>(a < b ? b : a);
  const auto ua = static_cast<std::uint64_t>(a);
  const auto ub = static_cast<std::uint64_t>(b);
  return op == ReduceOp::kProduct ? ua * ub : ua + ub;
}

class Reductions : public testing::TestWithParam<std::tuple<int, int>> {
 protected:
  DataType dtype() const { return static_cast<DataType>(std::get<0>(GetParam())); }
  ReduceOp op() const { return static_cast<ReduceOp>(std::get<1>(GetParam())); }

  void CheckFloat(const std::vector<std::vector<std::byte>>& inputs, const void* result,
                  std::int64_t i, const Scaling& scaling) const {
    double expected = 0;
    double size = 0;
    for (std::size_t k = 0; k < inputs.size(); ++k) {
      const double value = scaling.prescale * FloatAt(dtype(), inputs[k].data(), i);
      expected = k == 0 ? value : Apply(op(), expected, value);
      size += std::abs(value);
    }
    size = std::abs(scaling.postscale) * (op() == ReduceOp::kProduct ? std::abs(expected) : size);
    expected *= scaling.postscale;
    // 16-bit types: one rounding to the type, the rest in float32.
    const bool half = SizeOf(dtype()) == 2;
    const double unit = half ? 0x1p-24 : UnitRoundoff(dtype());
    const double bound = (2.0 * static_cast<double>(inputs.size()) + 2) * unit * size +
                         (half ? UnitRoundoff(dtype()) * std::abs(expected) * 1.01 : 0);
    ASSERT_NEAR(FloatAt(dtype(), result, i), expected, bound) << "element " << i;
  }

  void CheckInteger(const std::vector<std::vector<std::byte>>& inputs, const void* result,
                    std::int64_t i, const Scaling& scaling) const {
    std::int64_t expected = IntegerAt(dtype(), inputs[0].data(), i);
    for (std::size_t k = 1; k < inputs.size(); ++k) {
      expected = WrapTo(dtype(), Apply(op(), expected, IntegerAt(dtype(), inputs[k].data(), i)));
    }
    ASSERT_EQ(IntegerAt(dtype(), result, i), expected / scaling.divisor) << "element " << i;
  }

  void Check(const Sizes& sizes, const Scaling& scaling) const {
    std::vector<std::vector<std::byte>> inputs;
    for (int k = 0; k < sizes.inputs; ++k) {
      inputs.push_back(MakeInput(dtype(), sizes.count, 3, k));
    }
    const auto result =
        ReduceUnaligned(BestReduceKernels(), op(), dtype(), inputs, sizes.count, scaling);
    for (const ReduceKernels* kernels : KernelSets()) {
      EXPECT_TRUE(ReduceUnaligned(*kernels, op(), dtype(), inputs, sizes.count, scaling) == result)
          << kernels->instruction_set;
    }
    for (std::int64_t i = 0; i < sizes.count; ++i) {
      if (IsFloatingPoint(dtype())) CheckFloat(inputs, result.data(), i, scaling);
      if (!IsFloatingPoint(dtype())) CheckInteger(inputs, result.data(), i, scaling);
    }
  }
};

TEST_P(Reductions, MatchASerialReference) {
  for (const std::int64_t count : {0, 1, 2, 7, 15, 16, 17, 31, 63, 129, 2047, 2048, 2049, 5003}) {
    for (const int inputs : {1, 2, 3, 4, 5, 8}) {
      SCOPED_TRACE(count * 100 + inputs);
      Check({inputs, count}, {});
      if (IsFloatingPoint(dtype())) Check({inputs, count}, {.prescale = 0.75, .postscale = 1.25});
      if (!IsFloatingPoint(dtype())) Check({inputs, count}, {.divisor = 3});
      if (HasFatalFailure()) return;
    }
  }
}

TEST_P(Reductions, MayWriteOverAnyInput) {
  constexpr std::int64_t kCount = 2500;
  constexpr int kInputs = 7;
  for (std::size_t target = 0; target < kInputs; ++target) {
    std::vector<std::vector<std::byte>> inputs;
    std::vector<const void*> pointers;
    for (int k = 0; k < kInputs; ++k) inputs.push_back(MakeInput(dtype(), kCount, 9, k));
    for (const auto& input : inputs) pointers.push_back(input.data());
    std::vector<std::byte> expected(inputs[0].size());
    Reduce(op(), dtype(), pointers, expected.data(), kCount);
    const std::vector<std::byte> original = inputs[target];
    for (const ReduceKernels* kernels : KernelSets()) {
      inputs[target] = original;
      ReduceWith(*kernels, op(), dtype(), pointers, {inputs[target].data()}, kCount);
      EXPECT_EQ(inputs[target], expected) << kernels->instruction_set << " over input " << target;
    }
    inputs[target] = original;
    Reduce(op(), dtype(), pointers, inputs[target].data(), kCount);
    EXPECT_EQ(inputs[target], expected) << "over input " << target;
  }
}

INSTANTIATE_TEST_SUITE_P(All, Reductions,
                         testing::Combine(testing::Range(0, kDataTypeCount),
                                          testing::Range(0, kElementwiseOpCount)));

// Ranks on unlike machines must agree. Operands hold every kind of number but NaN, whose payload
// depends on the order in which a compiler takes the operands of an addition.
TEST(ReduceKernelSets, AgreeBitForBit) {
  constexpr std::int64_t kCount = 4099;
  for (int dtype = 0; dtype < kDataTypeCount; ++dtype) {
    const auto type = static_cast<DataType>(dtype);
    std::vector<std::vector<std::uint64_t>> inputs(7, std::vector<std::uint64_t>(kCount));
    std::vector<const void*> pointers;
    for (auto& input : inputs) {
      for (std::uint64_t& bits : input) bits = Mix(11, pointers.size(), &bits - input.data());
      for (std::int64_t i = 0; IsFloatingPoint(type) && i < kCount; ++i) {
        auto* element = reinterpret_cast<std::byte*>(input.data()) + i * SizeOf(type);
        if (std::isnan(FloatAt(type, input.data(), i))) std::memset(element, 0, SizeOf(type));
      }
      pointers.push_back(input.data());
    }
    const double factor = IsFloatingPoint(type) ? 0.7 : 1;
    const Scaling scaling = {.prescale = factor, .postscale = factor};
    for (const ReduceOp op : kOps) {
      std::vector<std::uint64_t> expected(kCount);
      std::vector<std::uint64_t> got(kCount);
      for (const std::size_t used : {2, 4, 7}) {
        const std::vector<const void*> some(pointers.begin(), pointers.begin() + used);
        ReduceWith(BaselineReduceKernels(), op, type, some, {expected.data()}, kCount, scaling);
        for (const ReduceKernels* kernels : KernelSets()) {
          ReduceWith(*kernels, op, type, some, {got.data()}, kCount, scaling);
          EXPECT_EQ(got, expected) << Name(type) << " " << Name(op) << " of " << used << " inputs "
                                   << kernels->instruction_set;
        }
      }
    }
  }
}

// `bytes` at an address that is `skew` bytes behind the begin of a line.
struct SkewedBytes {
  SkewedBytes(std::size_t bytes, std::size_t skew) : memory(bytes + 128) {
    const auto address = reinterpret_cast<std::uintptr_t>(memory.data());
    data = memory.data() + (64 - address % 64) % 64 + skew;
  }
  std::vector<std::byte> memory;
  std::byte* data;
};

// One call to `outputs` buffers, the first of which is the last input.
void CheckReduceToAll(const ReduceKernels& kernels, DataType dtype, int inputs, int outputs,
                      std::size_t skew, bool streams) {
  constexpr std::int64_t kCount = 1157;
  const std::size_t bytes = kCount * SizeOf(dtype);
  std::vector<SkewedBytes> sources;
  std::vector<const void*> pointers;
  for (int k = 0; k < inputs; ++k) {
    const auto& source = sources.emplace_back(bytes, skew);
    for (std::size_t i = 0; i < bytes; ++i)
      source.data[i] = static_cast<std::byte>((7 * k + i) % 60);
    pointers.push_back(source.data);
  }
  const double factor = IsFloatingPoint(dtype) ? 0.5 : 1;
  const Scaling scaling = {.prescale = factor, .postscale = factor};
  std::vector<std::byte> expected(bytes);
  Reduce(ReduceOp::kSum, dtype, pointers, expected.data(), kCount, scaling);

  std::vector<SkewedBytes> targets;
  std::vector<void*> results = {const_cast<void*>(pointers.back())};
  for (int k = 1; k < outputs; ++k) results.push_back(targets.emplace_back(bytes, skew).data);
  ReduceWith(kernels, ReduceOp::kSum, dtype, pointers, results, kCount, scaling, streams);
  EndStream();
  for (const void* result : results) {
    EXPECT_EQ(std::memcmp(result, expected.data(), bytes), 0)
        << kernels.instruction_set << " " << Name(dtype) << " " << inputs << " inputs " << outputs
        << " outputs skew " << skew << (streams ? " streams" : "");
  }
}

TEST(ReduceKernelSets, GiveEveryOutputTheBitsOfReduce) {
  for (int dtype = 0; dtype < kDataTypeCount; ++dtype) {
    for (const int inputs : {1, 2, 3, 4, 5}) {
      for (const int outputs : {1, 2, 3}) {
        for (const std::size_t skew : {0, 8}) {
          for (const ReduceKernels* kernels : KernelSets()) {
            const auto type = static_cast<DataType>(dtype);
            CheckReduceToAll(*kernels, type, inputs, outputs, skew, false);
            CheckReduceToAll(*kernels, type, inputs, outputs, skew, true);
          }
        }
      }
    }
  }
}

// The sum of values[first, first + count) as a tree that is filled from the left.
float TreeSumOf(const std::vector<float>& values, std::size_t first, std::size_t count) {
  if (count == 1) return values[first];
  const std::size_t left = std::bit_ceil(count) / 2;
  return TreeSumOf(values, first, left) + TreeSumOf(values, first + left, count - left);
}

TEST(Reduce, AddsAsABinaryTreeUpToTheGreatestNumberOfInputs) {
  for (const std::size_t inputs : {1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 100, 1023, kMaxReduceInputs}) {
    std::vector<float> values(inputs);
    std::vector<const void*> pointers;
    for (std::size_t i = 0; i < inputs; ++i) {
      values[i] = static_cast<float>(Mix(5, inputs, i) >> 40) * 0x1p-20F;
      pointers.push_back(&values[i]);
    }
    float sum = 0;
    Reduce(ReduceOp::kSum, DataType::kFloat32, pointers, &sum, 1);
    EXPECT_EQ(sum, TreeSumOf(values, 0, inputs)) << inputs;
    const Scaling scaling = {.prescale = 0.3, .postscale = 0.7};
    Reduce(ReduceOp::kSum, DataType::kFloat32, pointers, &sum, 1, scaling);
    for (float& value : values) value *= 0.3F;
    EXPECT_EQ(sum, TreeSumOf(values, 0, inputs) * 0.7F) << inputs;
  }
}

TEST(Reduce, KeepsNanOfEitherOperandInMinAndMax) {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  for (const ReduceOp op : {ReduceOp::kMin, ReduceOp::kMax, ReduceOp::kSum, ReduceOp::kProduct}) {
    const std::array<float, 2> a = {kNan, 1};
    const std::array<float, 2> b = {1, kNan};
    std::array<float, 2> out{};
    Reduce(op, DataType::kFloat32, std::array<const void*, 2>{a.data(), b.data()}, out.data(), 2);
    EXPECT_TRUE(std::isnan(out[0]) && std::isnan(out[1])) << Name(op);
  }
}

TEST(Reduce, AccumulatesHalvesInFloat32) {
  // 2048 + 1 + 1 is 2048 when every step rounds to float16, and 2050 when only the last does.
  const std::array<std::uint16_t, 3> values = {FloatToHalf(2048), FloatToHalf(1), FloatToHalf(1)};
  std::uint16_t out = 0;
  Reduce(ReduceOp::kSum, DataType::kFloat16,
         std::array<const void*, 3>{&values[0], &values[1], &values[2]}, &out, 1);
  EXPECT_EQ(HalfToFloat(out), 2050);
}

TEST(Reduce, AveragesWithoutOverflowInHalves) {
  const std::uint16_t value = FloatToHalf(60000);
  std::uint16_t out = 0;
  const Scaling scaling = ScalingFor(ReduceOp::kAverage, DataType::kFloat16, 1, 1, 3);
  Reduce(ReduceOp::kAverage, DataType::kFloat16, std::array<const void*, 3>{&value, &value, &value},
         &out, 1, scaling);
  EXPECT_EQ(HalfToFloat(out), HalfToFloat(value));
}

TEST(ScalingFor, FoldsTheAverageIntoThePostscaleOfFloatsAndTheDivisorOfIntegers) {
  EXPECT_EQ(ScalingFor(ReduceOp::kAverage, DataType::kFloat32, 1, 3, 4).postscale, 0.75);
  EXPECT_EQ(ScalingFor(ReduceOp::kAverage, DataType::kInt32, 1, 1, 4).divisor, 4);
  EXPECT_EQ(ScalingFor(ReduceOp::kSum, DataType::kFloat32, 1, 3, 4).postscale, 3);
}

TEST(Scale, CopiesOrMultiplies) {
  const std::vector<double> input = {1, -2, 3};
  std::vector<double> output(3);
  Scale(DataType::kFloat64, input.data(), output.data(), 3, 1);
  EXPECT_EQ(output, input);
  Scale(DataType::kFloat64, input.data(), output.data(), 3, 0.5);
  EXPECT_EQ(output, (std::vector<double>{0.5, -1, 1.5}));
}

}  // namespace
}  // namespace ronde
