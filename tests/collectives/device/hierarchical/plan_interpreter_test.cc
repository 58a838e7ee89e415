#include "tests/collectives/device/hierarchical/plan_interpreter.h"

#include <cmath>
#include <cstring>

#include <gtest/gtest.h>

#include "tests/collectives/device/hierarchical/plan_shapes.h"
#include "tests/conformance/allreduce_values.h"

namespace ronde {
namespace {

std::vector<std::vector<std::byte>> InputsFor(const PlanInterpreter& world,
                                              const DevicePlanShape& shape, DataType dtype,
                                              std::uint64_t seed) {
  std::vector<std::vector<std::byte>> inputs;
  for (int rank = 0; rank < world.ranks(); ++rank) {
    inputs.push_back(MakeInput(dtype, shape.count, seed, rank));
  }
  return inputs;
}

std::vector<std::byte> Serial(const std::vector<std::vector<std::byte>>& inputs, DataType dtype,
                              std::int64_t count) {
  std::vector<std::byte> sum(inputs.front().size());
  for (std::int64_t i = 0; i < count; ++i) {
    std::uint64_t total = 0;
    for (const auto& input : inputs) {
      total += static_cast<std::uint64_t>(IntegerAt(dtype, input.data(), i));
    }
    std::memcpy(sum.data() + static_cast<std::size_t>(i) * 8, &total, 8);
  }
  return sum;
}

class PlanInterpreterTest : public testing::TestWithParam<PlanCase> {};
INSTANTIATE_TEST_SUITE_P(Topologies, PlanInterpreterTest, testing::ValuesIn(PlanCases()),
                         [](const auto& instance) { return instance.param.name; });

// Sums of random 64-bit numbers are right only where every contribution is in them once.
TEST_P(PlanInterpreterTest, EveryContributionIsAddedOnceInAnyOrder) {
  DevicePlanShape shape = GetParam().shape;
  if (shape.wire != WireFormat::kSame) GTEST_SKIP() << "the other test's";
  shape.dtype = DataType::kInt64;
  const PlanSum sum = {.dtype = shape.dtype};
  for (const std::uint64_t seed : {1U, 2U, 3U}) {
    PlanInterpreter world(shape, sum, seed);
    const auto inputs = InputsFor(world, shape, shape.dtype, seed);
    const bool in_place = seed % 2 == 0;
    for (int rank = 0; rank < world.ranks(); ++rank) {
      world.set_input(rank, inputs[static_cast<std::size_t>(rank)], in_place);
    }
    ASSERT_EQ(world.Run(), "");
    const std::vector<std::byte> expected = Serial(inputs, shape.dtype, shape.count);
    for (int rank = 0; rank < world.ranks(); ++rank) {
      ASSERT_EQ(world.output(rank), expected) << "rank " << rank << ", seed " << seed;
    }
    if (world.ranks() > 32) break;
  }
}

// Averages of floats: within the bound of the format, and the same bits on every rank and in every
// order.
TEST_P(PlanInterpreterTest, AllRanksGetTheSameBitsInAnyOrder) {
  const DevicePlanShape& shape = GetParam().shape;
  std::vector<std::byte> first;
  for (const std::uint64_t seed : {4U, 5U}) {
    int ranks = 0;
    for (const int on_host : shape.ranks_per_host) ranks += on_host;
    const PlanSum sum = {.scaling = {.prescale = 2, .postscale = 1.0 / (2 * ranks)},
                         .wire = shape.wire};
    PlanInterpreter world(shape, sum, seed);
    const auto inputs = InputsFor(world, shape, DataType::kFloat32, /*seed=*/7);
    for (int rank = 0; rank < world.ranks(); ++rank) {
      world.set_input(rank, inputs[static_cast<std::size_t>(rank)], /*in_place=*/seed == 4);
    }
    ASSERT_EQ(world.Run(), "");
    if (first.empty()) first = world.output(0);
    for (int rank = 0; rank < world.ranks(); ++rank) ASSERT_EQ(world.output(rank), first);
    const bool encoded = shape.wire == WireFormat::kInt8;
    // Partial sums of a host are at most 1.5 * ranks * prescale; each rounding of one is within a
    // 254th of the largest of its block, and in a ring they are rounded at every host.
    const double bound = encoded ? 1.5 * (shape.hosts() + 1) / 254 * 1.01 : 1e-5;
    for (std::int64_t i = 0; i < shape.count; ++i) {
      double mean = 0;
      for (const auto& input : inputs) mean += FloatAt(DataType::kFloat32, input.data(), i);
      mean /= ranks;
      ASSERT_NEAR(FloatAt(DataType::kFloat32, first.data(), i), mean, bound) << "element " << i;
    }
  }
}

}  // namespace
}  // namespace ronde
