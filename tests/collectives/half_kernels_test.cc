// Reductions of 16-bit types, by every set of kernels that this CPU can run, against scalar
// arithmetic: the same bits.

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

#include "collectives/half.h"
#include "collectives/kernels/reduce_call.h"
#include "tests/collectives/kernel_sets.h"
#include "tests/conformance/allreduce_values.h"

namespace ronde {
namespace {

// One 16-bit type and its scalar conversions.
struct SixteenBits {
  DataType dtype;
  std::uint16_t infinity;
  std::uint16_t quiet_bit;
  float (*expand)(std::uint16_t);
  std::uint16_t (*compress)(float);
};
const std::array kSixteenBits = {
    SixteenBits{DataType::kFloat16, 0x7c00, 0x0200,
                [](std::uint16_t bits) { return HalfToFloat(bits); },
                [](float value) { return FloatToHalf(value); }},
    SixteenBits{DataType::kBFloat16, 0x7f80, 0x0040,
                [](std::uint16_t bits) { return BFloat16ToFloat(bits); },
                [](float value) { return FloatToBFloat16(value); }},
};

float ApplyFloat(int op, float a, float b) {
  if (op == 1) return b < a || std::isnan(b) ? b : a;
  if (op == 2) return a < b || std::isnan(b) ? b : a;
  return op == 3 ? a * b : a + b;
}

// a, b, a, b... as a tree.
float TreeOf(int op, float a, float b, int first, int inputs) {
  if (inputs == 1) return first % 2 == 0 ? a : b;
  const int left = static_cast<int>(std::bit_ceil(static_cast<unsigned>(inputs)) / 2);
  return ApplyFloat(op, TreeOf(op, a, b, first, left),
                    TreeOf(op, a, b, first + left, inputs - left));
}

// All values of a type, denormal, infinite and NaN, with `partner`, against scalar arithmetic. Of
// two NaNs either may be the result.
void CheckAllValues(const ReduceKernels& kernels, const SixteenBits& type, std::uint16_t partner,
                    int op, int inputs, double factor) {
  constexpr std::int64_t kCount = 1 << 16;
  std::vector<std::uint16_t> values(kCount);
  for (std::size_t i = 0; i < kCount; ++i) values[i] = static_cast<std::uint16_t>(i);
  const std::vector<std::uint16_t> partners(kCount, partner);
  std::vector<std::uint16_t> got(kCount);
  std::vector<const void*> pointers;
  for (int k = 0; k < inputs; ++k) pointers.push_back(k % 2 == 0 ? values.data() : partners.data());
  void* output = got.data();
  kernels.kernels[static_cast<int>(type.dtype)][op](
      {pointers.data(), inputs, &output, 1, false, kCount, factor, factor, 1});
  const auto is_nan = [&type](std::uint16_t bits) { return (bits & 0x7fff) > type.infinity; };
  const auto scale = static_cast<float>(factor);
  int wrong = 0;
  for (std::size_t i = 0; i < kCount; ++i) {
    const float a = type.expand(values[i]) * scale;
    const float b = type.expand(partner) * scale;
    const std::uint16_t expected = type.compress(TreeOf(op, a, b, 0, inputs) * scale);
    const bool same = is_nan(values[i]) && is_nan(partner)
                          ? is_nan(got[i]) && (got[i] & type.quiet_bit) != 0
                          : got[i] == expected;
    if (same || ++wrong > 3) continue;
    ADD_FAILURE() << Name(type.dtype) << " " << kernels.instruction_set << " op " << op << " of "
                  << inputs << " inputs, factor " << factor << std::hex << ": " << i << " and "
                  << partner << " give " << got[i] << " for " << expected;
  }
}

TEST(HalfKernels, GiveTheBitsOfScalarArithmeticForAllSixteenBitValues) {
  for (const SixteenBits& type : kSixteenBits) {
    const std::uint16_t infinity = type.infinity;
    std::vector<std::uint16_t> partners = {0, 0x8000, 1, 0x8001, infinity, 0x3c01};
    partners.push_back(infinity - 1);                      // the largest
    partners.push_back(infinity | 0x8001);                 // a NaN that signals
    partners.push_back(infinity | type.quiet_bit | 0x25);  // and one that does not
    for (int i = 0; i < 3; ++i) partners.push_back(Mix(3, infinity, i) & 0x7fff);
    for (const ReduceKernels* kernels : KernelSets()) {
      for (const std::uint16_t partner : partners) {
        for (int op = 0; op < 4; ++op) {
          for (const int inputs : {1, 2, 3, 4, 7}) {
            CheckAllValues(*kernels, type, partner, op, inputs, 1);
          }
          CheckAllValues(*kernels, type, partner, op, 2, 0.75);
        }
      }
    }
  }
}

TEST(HalfKernels, KeepNanFactors) {
  const std::vector<std::uint16_t> ones(300, 0x3f80);
  std::vector<std::uint16_t> got(300);
  const std::array<const void*, 2> inputs = {ones.data(), ones.data()};
  // In float32 all its bits are set, and rounding must not turn it into zero.
  const double nan = std::bit_cast<double>(std::uint64_t{0x7fffffffffffffff});
  for (const ReduceKernels* kernels : KernelSets()) {
    void* output = got.data();
    kernels->kernels[static_cast<int>(DataType::kBFloat16)][0](
        {inputs.data(), 2, &output, 1, false, 300, 1, nan, 1});
    for (const std::uint16_t bits : got) ASSERT_GT(bits & 0x7fff, 0x7f80);
  }
}

}  // namespace
}  // namespace ronde
