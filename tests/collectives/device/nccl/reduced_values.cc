#include "tests/collectives/device/nccl/reduced_values.h"

#include <algorithm>
#include <cmath>
#include <string>

#include <gtest/gtest.h>

#include "core/base/strcat.h"
#include "tests/conformance/allreduce_values.h"

namespace ronde {
namespace {

std::string Name(const Case& test) {
  return StrCat(Name(test.dtype), " ", Name(test.op), " ", test.prescale, " ", test.postscale);
}

void ExpectFloat(const Case& test, const std::vector<Bytes>& inputs, std::int64_t input_at,
                 const Bytes& output, std::int64_t output_at) {
  const auto ranks = static_cast<double>(inputs.size());
  double expected = 0;
  double size = 0;  // of what was added up: errors go with it
  for (std::size_t rank = 0; rank < inputs.size(); ++rank) {
    const double value = test.prescale * FloatAt(test.dtype, inputs[rank].data(), input_at);
    if (rank == 0) {
      expected = value;
    } else if (test.op == ReduceOp::kMin || test.op == ReduceOp::kMax) {
      expected = test.op == ReduceOp::kMin ? std::min(expected, value) : std::max(expected, value);
    } else if (test.op == ReduceOp::kProduct) {
      expected *= value;
    } else {
      expected += value;
    }
    size += std::fabs(value);
  }
  if (test.op == ReduceOp::kProduct) size = std::fabs(expected);
  const double post = test.postscale / (test.op == ReduceOp::kAverage ? ranks : 1);
  const double bound = (ranks + 3) * UnitRoundoff(test.dtype) * size * std::fabs(post);
  ASSERT_NEAR(FloatAt(test.dtype, output.data(), output_at), expected * post, bound)
      << Name(test) << " at " << input_at << " of " << ranks << " ranks";
}

void ExpectInteger(const Case& test, const std::vector<Bytes>& inputs, std::int64_t input_at,
                   const Bytes& output, std::int64_t output_at) {
  std::int64_t expected = IntegerAt(test.dtype, inputs[0].data(), input_at);
  for (std::size_t rank = 1; rank < inputs.size(); ++rank) {
    const std::int64_t value = IntegerAt(test.dtype, inputs[rank].data(), input_at);
    const auto a = static_cast<std::uint64_t>(expected);
    const auto b = static_cast<std::uint64_t>(value);
    if (test.op == ReduceOp::kMin) expected = std::min(expected, value);
    if (test.op == ReduceOp::kMax) expected = std::max(expected, value);
    if (test.op == ReduceOp::kProduct) expected = WrapTo(test.dtype, a * b);
    if (test.op == ReduceOp::kSum || test.op == ReduceOp::kAverage) {
      expected = WrapTo(test.dtype, a + b);
    }
  }
  if (test.op == ReduceOp::kAverage) expected /= static_cast<std::int64_t>(inputs.size());
  ASSERT_EQ(IntegerAt(test.dtype, output.data(), output_at), expected)
      << Name(test) << " at " << input_at << " of " << inputs.size() << " ranks";
}

}  // namespace

void ExpectReduced(const Case& test, const std::vector<Bytes>& inputs, const Bytes& output,
                   std::int64_t begin, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    if (IsFloatingPoint(test.dtype)) {
      ExpectFloat(test, inputs, begin + i, output, i);
    } else {
      ExpectInteger(test, inputs, begin + i, output, i);
    }
  }
}

std::vector<Bytes> InputsOf(DataType dtype, std::int64_t count, int ranks) {
  std::vector<Bytes> inputs;
  for (int rank = 0; rank < ranks; ++rank) inputs.push_back(MakeInput(dtype, count, 5, rank));
  return inputs;
}

std::vector<Case> AllCases() {
  std::vector<Case> cases;
  for (int dtype = 0; dtype < kDataTypeCount; ++dtype) {
    for (int op = 0; op < kElementwiseOpCount; ++op) {
      const Case plain = {static_cast<DataType>(dtype), static_cast<ReduceOp>(op)};
      cases.push_back(plain);
      if (!IsFloatingPoint(plain.dtype)) continue;
      cases.push_back({plain.dtype, plain.op, 0.5, 1});
      cases.push_back({plain.dtype, plain.op, -0.75, 1.5});
    }
  }
  return cases;
}

}  // namespace ronde
