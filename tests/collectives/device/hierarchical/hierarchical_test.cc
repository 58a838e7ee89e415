#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "collectives/reduce_kernels.h"
#include "core/base/strcat.h"
#include "tests/collectives/device/hierarchical/hierarchical_world.h"
#include "tests/conformance/allreduce_values.h"

namespace ronde {
namespace {

const DeviceAllreduceAlgorithm& Algorithm() { return HierarchicalAlgorithm(); }

enum class Memory { kPrivate, kMapped, kStaging };

struct Case {
  std::int64_t count = 10'000;
  DataType dtype = DataType::kFloat32;
  ReduceOp op = ReduceOp::kSum;
  bool in_place = false;
  Memory memory = Memory::kMapped;
  double prescale = 1;
  double postscale = 1;
  std::uint64_t seed = 1;
};

// What all get: a tree over the ranks of each host, then one over hosts.
std::vector<std::byte> Expected(const World& world, const Case& test) {
  const std::size_t bytes = static_cast<std::size_t>(test.count) * SizeOf(test.dtype);
  const Scaling scaling =
      ScalingFor(test.op, test.dtype, test.prescale, test.postscale, world.size());
  std::vector<std::vector<std::byte>> partials;
  std::vector<const void*> hosts;
  int rank = 0;
  for (const int ranks : world.ranks_per_host) {
    std::vector<std::vector<std::byte>> inputs;
    std::vector<const void*> operands;
    for (int local = 0; local < ranks; ++local) {
      inputs.push_back(MakeInput(test.dtype, test.count, test.seed, rank++));
      operands.push_back(inputs.back().data());
    }
    partials.emplace_back(bytes);
    Reduce(test.op, test.dtype, operands, partials.back().data(), test.count,
           {.prescale = scaling.prescale});
    hosts.push_back(partials.back().data());
  }
  std::vector<std::byte> result(bytes);
  Reduce(test.op, test.dtype, hosts, result.data(), test.count,
         {.postscale = scaling.postscale, .divisor = scaling.divisor});
  return result;
}

// Where the case's input and output lie.
struct Buffers {
  std::byte* input = nullptr;
  std::byte* output = nullptr;
  MemoryPlace input_place;
  MemoryPlace output_place;
  std::shared_ptr<std::byte> mapped[2];
  DeviceBuffer owned[2];
};

Buffers BuffersFor(DeviceRank& rank, DeviceChannel& channel, const Case& test) {
  const std::vector<std::byte> own = MakeInput(test.dtype, test.count, test.seed, rank.rank());
  Buffers buffers;
  if (test.memory == Memory::kStaging) {
    const auto half = channel.NextHalf(/*meets_first=*/true);
    EXPECT_TRUE(half.ok()) << half.status().message();
    buffers.input = half.value().input;
    buffers.output = test.in_place ? half.value().input : half.value().output;
    buffers.input_place = half.value().input_place;
    buffers.output_place = test.in_place ? half.value().input_place : half.value().output_place;
    EXPECT_TRUE(Finish(rank, channel).ok());
  } else if (test.memory == Memory::kMapped) {
    for (auto& mapped : buffers.mapped) {
      auto memory = rank.context.Allocate(own.size() + 1);
      EXPECT_TRUE(memory.ok()) << memory.status().message();
      mapped = std::move(memory).value();
    }
    buffers.input = buffers.mapped[0].get();
    buffers.output = buffers.mapped[test.in_place ? 0 : 1].get();
    // Ranks agree on a place only where all have one, and who is alone has none.
    if (rank.group.communicator().fewest_ranks_per_host() > 1) {
      buffers.input_place = rank.context.Find(buffers.input, own.size());
      buffers.output_place = rank.context.Find(buffers.output, own.size());
      EXPECT_TRUE(buffers.input_place.registered());
    }
  } else {
    for (auto& owned : buffers.owned) owned = PrivateCopy(rank, own);
    buffers.input = buffers.owned[0].data();
    buffers.output = buffers.owned[test.in_place ? 0 : 1].data();
  }
  std::copy(own.begin(), own.end(), buffers.input);
  return buffers;
}

AllreduceArguments ArgumentsFor(const Buffers& buffers, const Case& test) {
  return {.input = buffers.input,
          .output = buffers.output,
          .count = test.count,
          .dtype = test.dtype,
          .op = test.op,
          .prescale = test.prescale,
          .postscale = test.postscale,
          .input_place = buffers.input_place,
          .output_place = buffers.output_place};
}

// Runs the case on a channel, and returns what this rank ends with.
std::vector<std::byte> ResultOf(DeviceRank& rank, const Case& test, int channel_number = 0) {
  DeviceChannel& channel = rank.context.channel(channel_number);
  const Buffers buffers = BuffersFor(rank, channel, test);
  const AllreduceArguments arguments = ArgumentsFor(buffers, test);
  EXPECT_TRUE(Algorithm().Supports(rank.context, arguments));
  EXPECT_GT(Algorithm().Cost(rank.context, arguments), 0);
  const Status status = Algorithm().Run(rank.context, channel, arguments);
  EXPECT_TRUE(status.ok()) << status.message();
  if (!status.ok()) rank.group.transport().Abort(status);
  // By the stream, as who uses the result would.
  std::vector<std::byte> result(static_cast<std::size_t>(test.count) * SizeOf(test.dtype));
  EXPECT_TRUE(
      rank.device.Copy(result.data(), buffers.output, result.size(), channel.stream().native).ok());
  EXPECT_TRUE(Finish(rank, channel).ok());
  const Status fault = rank.context.TakeFault(channel);
  EXPECT_TRUE(fault.ok()) << fault.message();
  return result;
}

void ExpectBits(const World& world, const std::vector<Case>& cases) {
  std::vector<std::vector<std::byte>> expected;
  for (const Case& test : cases) expected.push_back(Expected(world, test));
  RunWorld(world, [&](DeviceRank& rank) {
    for (std::size_t i = 0; i < cases.size(); ++i) {
      const std::vector<std::byte> result = ResultOf(rank, cases[i], static_cast<int>(i % 2));
      const auto differs = std::mismatch(result.begin(), result.end(), expected[i].begin());
      ASSERT_TRUE(result == expected[i])
          << "case " << i << " of " << cases[i].count << " " << Name(cases[i].dtype) << ", byte "
          << differs.first - result.begin();
    }
  });
}

std::vector<Case> Counts(const Case& like) {
  std::vector<Case> cases;
  for (const std::int64_t count : {1, 3, 17, 1000, 5001, 30'011}) {
    Case test = like;
    test.count = count;
    test.seed = static_cast<std::uint64_t>(count);
    test.in_place = count % 3 == 0;
    cases.push_back(test);
  }
  return cases;
}

struct NamedWorld {
  std::string name;
  World world;
};

// For messages of failures.
void PrintTo(const NamedWorld& named, std::ostream* out) { *out << named.name; }

class HierarchicalOfDevices : public testing::TestWithParam<NamedWorld> {};
INSTANTIATE_TEST_SUITE_P(
    Topologies, HierarchicalOfDevices,
    testing::Values(NamedWorld{"TwoHostsOfTwo", {{2, 2}}},
                    NamedWorld{"ThreeHostsOfOne", {{1, 1, 1}}},
                    NamedWorld{"TwoHostsOfFour", {{4, 4}}}, NamedWorld{"Uneven", {{3, 1}}},
                    NamedWorld{"ThreeHostsOfTwo", {{2, 2, 2}}},
                    NamedWorld{"Leader", {{2, 2}, {{Setting::kHierarchy, "leader"}}}},
                    NamedWorld{"GpuDirect", {{2, 2}, {}, /*gpu_direct=*/true}},
                    NamedWorld{"GpuDirectOfThree", {{2, 2, 2}, {}, /*gpu_direct=*/true}},
                    NamedWorld{"Delayed", {{2, 2}, {}, false, /*delay_seed=*/7}},
                    NamedWorld{"DelayedOfThree", {{1, 2, 1}, {}, false, /*delay_seed=*/8}},
                    NamedWorld{"DelayedDirect", {{1, 1, 1}, {}, true, /*delay_seed=*/9}}),
    [](const auto& instance) { return instance.param.name; });

TEST_P(HierarchicalOfDevices, HasTheBitsOfTreesOverRanksAndHosts) {
  ExpectBits(GetParam().world, Counts({}));
}

TEST_P(HierarchicalOfDevices, TakesPrivateMemory) {
  ExpectBits(GetParam().world, Counts({.op = ReduceOp::kAverage, .memory = Memory::kPrivate}));
}

TEST_P(HierarchicalOfDevices, TakesHalvesOfTheStaging) {
  std::vector<Case> cases = Counts({.memory = Memory::kStaging});
  cases.pop_back();  // more than a half holds
  ExpectBits(GetParam().world, cases);
}

// The next call's first chunks come while the device still copies those of the call before.
TEST_P(HierarchicalOfDevices, CallsInARowDoNotDisturbEachOther) {
  const World& world = GetParam().world;
  std::vector<Case> cases;
  std::vector<std::vector<std::byte>> expected;
  for (const std::int64_t count : {9000, 2000, 12'000, 7, 12'000, 5000, 8000, 1}) {
    cases.push_back({.count = count, .seed = cases.size() + 1});
    expected.push_back(Expected(world, cases.back()));
  }
  RunWorld(world, [&](DeviceRank& rank) {
    std::vector<Buffers> buffers;
    for (const Case& test : cases) {
      buffers.push_back(BuffersFor(rank, rank.context.channel(0), test));
    }
    for (std::size_t i = 0; i < cases.size(); ++i) {
      const Status status =
          Algorithm().Run(rank.context, rank.context.channel(i / 2 % 2 == 0 ? 0 : 1),
                          ArgumentsFor(buffers[i], cases[i]));
      ASSERT_TRUE(status.ok()) << status.message();
    }
    for (int channel : {0, 1}) ASSERT_TRUE(Finish(rank, rank.context.channel(channel)).ok());
    for (std::size_t i = 0; i < cases.size(); ++i) {
      ASSERT_TRUE(std::equal(expected[i].begin(), expected[i].end(), buffers[i].output)) << i;
    }
  });
}

TEST(HierarchicalOfDevicesTypes, ReducesAllTypesAndScales) {
  std::vector<Case> cases;
  for (int dtype = 0; dtype < kDataTypeCount; ++dtype) {
    Case test = {.count = 3001, .dtype = static_cast<DataType>(dtype), .op = ReduceOp::kAverage};
    cases.push_back(test);
    test.op = ReduceOp::kMax;
    cases.push_back(test);
    if (!IsFloatingPoint(test.dtype)) continue;
    test.op = ReduceOp::kSum;
    test.prescale = 0.5;
    test.postscale = 3;
    cases.push_back(test);
  }
  ExpectBits({{2, 2}}, cases);
  ExpectBits({{1, 1, 1}, {}, /*gpu_direct=*/true}, cases);
}

// The error that a host's reference of float64 sees, and the bits of all ranks.
void ExpectWithin(const World& world, const Case& test, double bound) {
  const auto ranks = static_cast<std::size_t>(world.size());
  std::vector<std::vector<std::byte>> results(ranks);
  RunWorld(world, [&](DeviceRank& rank) {
    results[static_cast<std::size_t>(rank.rank())] = ResultOf(rank, test);
  });
  std::vector<std::vector<std::byte>> inputs;
  for (std::size_t rank = 0; rank < ranks; ++rank) {
    ASSERT_EQ(results[rank], results[0]) << "rank " << rank;
    inputs.push_back(MakeInput(test.dtype, test.count, test.seed, static_cast<int>(rank)));
  }
  for (std::int64_t i = 0; i < test.count; ++i) {
    double sum = 0;
    for (const auto& input : inputs) sum += FloatAt(test.dtype, input.data(), i);
    ASSERT_NEAR(FloatAt(test.dtype, results[0].data(), i), sum, bound) << "element " << i;
  }
}

TEST(HierarchicalOfDevicesWire, KeepsTheBoundsOfFormats) {
  struct Format {
    std::string name;
    double relative;  // of the largest partial sum
  };
  for (const Format& format : {Format{"bf16", 1.0 / 256}, Format{"fp16", 1.0 / 2048},
                               Format{"int8", 1.0 / 254 * (1 + 1.0 / 1024)}}) {
    for (const std::vector<int>& hosts :
         {std::vector<int>{2, 2}, std::vector<int>{1, 1, 1}, std::vector<int>{2, 1}}) {
      const World world = {hosts, {{Setting::kWireCompression, format.name}}, false, 5};
      // Every host's partial sum is rounded once, and the result once more.
      const double largest = 1.5 * world.size();
      ExpectWithin(world, {.count = 9001}, 2.05 * largest * format.relative);
    }
  }
}

TEST(HierarchicalOfDevicesWire, RingsGiveAllRanksTheSameBits) {
  const WorldSettings ring = {{Setting::kAllreduceAlgorithm, "net=ring"}};
  ExpectWithin({{2, 2, 2}, ring}, {.count = 9001}, 1e-5);
  WorldSettings encoded = ring;
  encoded.emplace_back(Setting::kWireCompression, "int8");
  ExpectWithin({{1, 1, 1}, encoded}, {.count = 9001}, 5.0 * 3 / 254);
}

// Bytes between hosts: what the plan says.
TEST(HierarchicalOfDevicesWire, EachRankSendsItsShardOnce) {
  RunWorld({{2, 2}}, [](DeviceRank& rank) {
    const Case test = {.count = 64'000};
    const std::uint64_t before = rank.group.transport().bytes_sent();
    const std::vector<std::byte> result = ResultOf(rank, test);
    const std::uint64_t sent = rank.group.transport().bytes_sent() - before;
    // What allocations agree on comes on top.
    EXPECT_GE(sent, 64'000U * 4 / 2);
    EXPECT_LE(sent, 64'000U * 4 / 2 + 4000);
  });
}

TEST(HierarchicalOfDevicesChoice, NeedsSeveralHostsAndPeersThatReachEachOther) {
  RunWorld({{2}}, [](DeviceRank& rank) {
    EXPECT_FALSE(Algorithm().Supports(rank.context, {.count = 10}));
  });
  RunWorld({{2, 2}, {{Setting::kHierarchy, "flat"}}}, [](DeviceRank& rank) {
    EXPECT_FALSE(Algorithm().Supports(rank.context, {.count = 10}));
  });
}

}  // namespace
}  // namespace ronde
