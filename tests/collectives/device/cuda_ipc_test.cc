#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "collectives/device/algorithm.h"
#include "collectives/reduce_kernels.h"
#include "core/base/strcat.h"
#include "tests/collectives/device/device_ranks.h"
#include "tests/conformance/allreduce_values.h"

namespace ronde {
namespace {

const DeviceAllreduceAlgorithm& Algorithm() { return *FindDeviceAllreduceAlgorithm("cuda_ipc"); }

struct Case {
  std::int64_t count = 0;
  DataType dtype = DataType::kFloat32;
  ReduceOp op = ReduceOp::kSum;
  bool in_place = false;
  bool mapped_input = false;
  bool mapped_output = false;
  double prescale = 1;
  double postscale = 1;
  std::uint64_t seed = 1;
};

std::string Describe(const Case& test) {
  return StrCat(test.count, " ", Name(test.dtype), " ", Name(test.op),
                test.in_place ? " in" : " out of", " place, input ",
                test.mapped_input ? "mapped" : "private", ", output ",
                test.mapped_output ? "mapped" : "private", ", seed ", test.seed);
}

std::size_t SizeBytesOf(const Case& test) {
  return static_cast<std::size_t>(test.count) * SizeOf(test.dtype);
}

// What every rank must end with, bit for bit.
std::vector<std::byte> Expected(const Case& test, int ranks) {
  std::vector<std::vector<std::byte>> inputs;
  std::vector<const void*> operands;
  for (int rank = 0; rank < ranks; ++rank) {
    inputs.push_back(MakeInput(test.dtype, test.count, test.seed, rank));
    operands.push_back(inputs.back().data());
  }
  std::vector<std::byte> result(SizeBytesOf(test));
  if (test.count == 0) return result;
  Reduce(test.op, test.dtype, operands, result.data(), test.count,
         ScalingFor(test.op, test.dtype, test.prescale, test.postscale, ranks));
  return result;
}

// Buffers of one kind after another, for the cases of one rank.
class Operand {
 public:
  Operand(DeviceRank& rank, std::size_t most_bytes, bool mapped) : rank_(rank) {
    if (mapped) {
      auto memory = rank.context.Allocate(most_bytes);
      EXPECT_TRUE(memory.ok()) << memory.status().message();
      mapped_ = std::move(memory).value();
      EXPECT_EQ(place(1).registered(), rank.size() > 1);
    } else {
      private_ = PrivateCopy(rank, std::vector<std::byte>(most_bytes));
    }
  }
  [[nodiscard]] std::byte* data() const { return mapped_ ? mapped_.get() : private_.data(); }
  [[nodiscard]] MemoryPlace place(std::size_t size_bytes) const {
    return rank_.context.Find(data(), size_bytes);
  }

 private:
  DeviceRank& rank_;
  std::shared_ptr<std::byte> mapped_;
  DeviceBuffer private_;
};

// What a rank works on: allocated once, because that is collective.
struct Operands {
  Operands(DeviceRank& rank, std::size_t most_bytes)
      : private_input(rank, most_bytes, false),
        private_output(rank, most_bytes, false),
        mapped_input(rank, most_bytes, true),
        mapped_output(rank, most_bytes, true) {}
  Operand private_input;
  Operand private_output;
  Operand mapped_input;
  Operand mapped_output;
};

// Issues the case on `channel` and waits for it.
void Check(DeviceRank& rank, DeviceChannel& channel, Operands& operands, const Case& test) {
  SCOPED_TRACE(Describe(test));
  const Operand& input = test.mapped_input ? operands.mapped_input : operands.private_input;
  const Operand& apart = test.mapped_output ? operands.mapped_output : operands.private_output;
  const Operand& output = test.in_place ? input : apart;
  const std::size_t size_bytes = SizeBytesOf(test);
  const std::vector<std::byte> own = MakeInput(test.dtype, test.count, test.seed, rank.rank());
  std::copy(own.begin(), own.end(), input.data());
  const AllreduceArguments arguments = {.input = input.data(),
                                        .output = output.data(),
                                        .count = test.count,
                                        .dtype = test.dtype,
                                        .op = test.op,
                                        .prescale = test.prescale,
                                        .postscale = test.postscale,
                                        .input_place = input.place(size_bytes),
                                        .output_place = output.place(size_bytes)};
  ASSERT_TRUE(Algorithm().Supports(rank.context, arguments));
  const Status status = Algorithm().Run(rank.context, channel, arguments);
  ASSERT_TRUE(status.ok()) << status.message();
  ASSERT_TRUE(Finish(rank, channel).ok());
  ASSERT_TRUE(rank.context.TakeFault(channel).ok());
  const std::vector<std::byte> expected = Expected(test, rank.size());
  EXPECT_TRUE(std::equal(expected.begin(), expected.end(), output.data()));
}

// All kinds of memory.
std::vector<Case> Variants(const Case& test) {
  std::vector<Case> variants;
  for (const bool mapped_input : {false, true}) {
    for (const bool mapped_output : {false, true}) {
      Case variant = test;
      variant.mapped_input = mapped_input;
      variant.mapped_output = mapped_output;
      variants.push_back(variant);
      variant.in_place = true;
      if (mapped_input == mapped_output) variants.push_back(variant);
    }
  }
  return variants;
}

class CudaIpc : public testing::TestWithParam<int> {};

TEST_P(CudaIpc, HasTheBitsOfTheHostForAnyCountInAnyMemory) {
  RunDeviceRanks(GetParam(), [](DeviceRank& rank) {
    // 20,001 floats are more than a staging half holds.
    Operands operands(rank, 100'000);
    // One shot up to 3,000 bytes, so that all counts below meet both forms.
    DeviceCosts costs = rank.context.costs();
    costs.one_shot_bytes = 3000;
    rank.context.set_costs(costs);
    std::uint64_t seed = 0;
    for (const std::int64_t count : {0, 1, 3, 7, 64, 750, 751, 5000, 20'001}) {
      for (Case& test : Variants({.count = count})) {
        test.seed = ++seed;
        Check(rank, rank.context.channel(static_cast<int>(seed % 2)), operands, test);
      }
    }
    // One shot in several pieces.
    costs.one_shot_bytes = 1 << 20;
    rank.context.set_costs(costs);
    for (const Case& test : Variants({.count = 20'001})) {
      Check(rank, rank.context.channel(0), operands, test);
    }
  });
}

TEST_P(CudaIpc, HasTheBitsOfTheHostForAllTypesAndOperators) {
  RunDeviceRanks(GetParam(), [](DeviceRank& rank) {
    Operands operands(rank, 4000 * 8);
    std::uint64_t seed = 0;
    for (int type = 0; type < kDataTypeCount; ++type) {
      for (int op = 0; op < kElementwiseOpCount; ++op) {
        Case test = {.count = 333,
                     .dtype = static_cast<DataType>(type),
                     .op = static_cast<ReduceOp>(op),
                     .in_place = op % 2 == 0,
                     .mapped_input = true,
                     .mapped_output = true};
        if (IsFloatingPoint(test.dtype)) {
          test.prescale = 0.5;
          test.postscale = 3;
        }
        for (const std::int64_t threshold : {0, 1 << 20}) {
          DeviceCosts costs = rank.context.costs();
          costs.one_shot_bytes = threshold;
          rank.context.set_costs(costs);
          test.seed = ++seed;
          Check(rank, rank.context.channel(0), operands, test);
        }
      }
    }
  });
}

INSTANTIATE_TEST_SUITE_P(Ranks, CudaIpc, testing::Values(1, 2, 3, 4, 8));

// Batches that are packed into staging, as an executor does, on channels in turn, without waiting
// in between: a missing barrier shows as wrong data. `behind` is called when all are under way.
void RunManyRounds(
    DeviceRank& rank, int rounds, const std::vector<std::int64_t>& counts,
    const std::function<void()>& behind = [] {}) {
  std::vector<std::vector<std::byte>> results(static_cast<std::size_t>(rounds));
  std::vector<DeviceBuffer> inputs;
  std::vector<Case> cases;
  for (int round = 0; round < rounds; ++round) {
    Case test = {.count = counts[static_cast<std::size_t>(round) % counts.size()],
                 .seed = static_cast<std::uint64_t>(round)};
    inputs.push_back(PrivateCopy(rank, MakeInput(test.dtype, test.count, test.seed, rank.rank())));
    results[static_cast<std::size_t>(round)].resize(SizeBytesOf(test));
    cases.push_back(test);
  }
  for (int round = 0; round < rounds; ++round) {
    const auto i = static_cast<std::size_t>(round);
    DeviceChannel& channel = rank.context.channel(round % rank.context.channels());
    void* const stream = channel.stream().native;
    const auto half = channel.NextHalf(Algorithm().MeetsFirst());
    ASSERT_TRUE(half.ok()) << half.status().message();
    const std::size_t size_bytes = SizeBytesOf(cases[i]);
    ASSERT_TRUE(rank.device.Copy(half.value().input, inputs[i].data(), size_bytes, stream).ok());
    const AllreduceArguments arguments = {.input = half.value().input,
                                          .output = half.value().output,
                                          .count = cases[i].count,
                                          .input_place = half.value().input_place,
                                          .output_place = half.value().output_place};
    ASSERT_TRUE(Algorithm().Run(rank.context, channel, arguments).ok());
    ASSERT_TRUE(rank.device.Copy(results[i].data(), half.value().output, size_bytes, stream).ok());
  }
  behind();
  for (int number = 0; number < rank.context.channels(); ++number) {
    ASSERT_TRUE(Finish(rank, rank.context.channel(number)).ok());
    ASSERT_TRUE(rank.context.TakeFault(rank.context.channel(number)).ok());
  }
  for (std::size_t i = 0; i < cases.size(); ++i) {
    ASSERT_EQ(results[i], Expected(cases[i], rank.size())) << "round " << i;
  }
}

DeviceRanksOptions Jittering(int longest_delay_us) {
  DeviceRanksOptions options;
  options.device = [longest_delay_us](int rank) {
    SimulatedDevice::Options device;
    device.delay_seed = static_cast<std::uint64_t>(rank) + 1;
    device.longest_delay_us = longest_delay_us;
    return device;
  };
  return options;
}

TEST(CudaIpcRounds, StagingIsNeverOverwrittenWhilePeersReadIt) {
  // One shot and two in turn, so that each follows each.
  const auto body = [](DeviceRank& rank) {
    DeviceCosts costs = rank.context.costs();
    costs.one_shot_bytes = 1000;
    rank.context.set_costs(costs);
    RunManyRounds(rank, 300, {10, 100, 20, 1000, 30, 2000, 40, 50, 60, 3000, 4000});
  };
  RunDeviceRanks(3, body, Jittering(100));
}

TEST(CudaIpcRounds, AThousandRoundsOnTwoChannels) {
  RunDeviceRanks(4, [](DeviceRank& rank) { RunManyRounds(rank, 1000, {100, 2000, 33}); });
}

TEST(CudaIpcRounds, ABatchInStagingTakesOneLaunch) {
  RunDeviceRanks(2, [](DeviceRank& rank) {
    const std::int64_t before = rank.device.launches();
    RunManyRounds(rank, 50, {10, 10'000});
    EXPECT_EQ(rank.device.launches(), before + 50);
    // What is left to be read costs one more, once.
    DeviceChannel& channel = rank.context.channel(0);
    RunManyRounds(rank, 1, {10});
    ASSERT_TRUE(channel.Settle().ok());
    ASSERT_TRUE(channel.Settle().ok());
    ASSERT_TRUE(Finish(rank, channel).ok());
    EXPECT_EQ(rank.device.launches(), before + 52);
  });
}

// One shot of what takes a while to read, so that ranks that do not wait for the slowest show.
constexpr std::int64_t kLongCount = 200'000;

DeviceRanksOptions LongReads() {
  DeviceRanksOptions options;
  options.context.staging_bytes = kLongCount * sizeof(float);
  return options;
}

void ReduceInOneShot(DeviceRank& rank) {
  DeviceCosts costs = rank.context.costs();
  costs.one_shot_bytes = 4 << 20;
  rank.context.set_costs(costs);
}

// A buffer of the user's that is written again as soon as the stream is done with it.
TEST(CudaIpcRounds, MappedMemoryMayBeOverwrittenAfterTheCollective) {
  const auto body = [](DeviceRank& rank) {
    ReduceInOneShot(rank);
    const std::size_t size_bytes = kLongCount * sizeof(float);
    const Operand input(rank, size_bytes, true);
    const Operand output(rank, size_bytes, true);
    DeviceChannel& channel = rank.context.channel(0);
    void* const stream = channel.stream().native;
    const DeviceBuffer own =
        PrivateCopy(rank, MakeInput(DataType::kFloat32, kLongCount, 1, rank.rank()));
    const std::vector<std::byte> expected = Expected({.count = kLongCount}, rank.size());
    std::vector<std::byte> result(size_bytes);
    for (int round = 0; round < 20; ++round) {
      ASSERT_TRUE(rank.device.Copy(input.data(), own.data(), size_bytes, stream).ok());
      const AllreduceArguments arguments = {.input = input.data(),
                                            .output = output.data(),
                                            .count = kLongCount,
                                            .input_place = input.place(size_bytes),
                                            .output_place = output.place(size_bytes)};
      ASSERT_TRUE(Algorithm().Run(rank.context, channel, arguments).ok());
      ASSERT_TRUE(rank.device.FillZero(input.data(), size_bytes, stream).ok());
      ASSERT_TRUE(rank.device.Copy(result.data(), output.data(), size_bytes, stream).ok());
      ASSERT_TRUE(Finish(rank, channel).ok());
      ASSERT_TRUE(result == expected) << "round " << round;
    }
  };
  RunDeviceRanks(3, body, LongReads());
}

// A staging half that peers may still read, and after it something that meets nobody.
TEST(CudaIpcRounds, AHalfThatIsLentComesBackBehindABarrier) {
  const auto body = [](DeviceRank& rank) {
    ReduceInOneShot(rank);
    DeviceChannel& channel = rank.context.channel(0);
    for (int round = 0; round < 20; ++round) {
      RunManyRounds(rank, 1, {kLongCount}, [&] {
        const auto unused = channel.NextHalf();
        ASSERT_TRUE(unused.ok());
        ASSERT_TRUE(
            rank.device
                .FillZero(unused.value().output, unused.value().size_bytes, channel.stream().native)
                .ok());
      });
    }
  };
  RunDeviceRanks(3, body, LongReads());
}

TEST(CudaIpcChoice, SmallCallsTakeOneShotAndLargeOnesTwo) {
  RunDeviceRanks(2, [](DeviceRank& rank) {
    DeviceCosts costs = rank.context.costs();
    costs.one_shot_bytes = 1000;
    costs.peer = {.alpha_us = 10, .beta_us = 1, .gamma_us = 0};
    rank.context.set_costs(costs);
    const auto cost = [&](std::int64_t count) {
      const MemoryPlace mapped = {.block = 1, .offset = 0};
      return Algorithm().Cost(rank.context, {.count = count,
                                             .dtype = DataType::kUInt8,
                                             .input_place = mapped,
                                             .output_place = mapped});
    };
    EXPECT_EQ(cost(1000), 10 + 1000);
    EXPECT_EQ(cost(1001), 15 + 1001);
  });
}

TEST(CudaIpcChoice, NeedsMemoryThatPeersReach) {
  DeviceRanksOptions options;
  options.device = [](int rank) {
    SimulatedDevice::Options device;
    device.exportable = rank != 1;
    return device;
  };
  const auto body = [](DeviceRank& rank) {
    EXPECT_FALSE(rank.context.facts().peers_reach_each_other);
    EXPECT_FALSE(Algorithm().Supports(rank.context, {.count = 10}));
    // What it hands out instead works, but for peers.
    const auto memory = rank.context.Allocate(1000);
    ASSERT_TRUE(memory.ok()) << memory.status().message();
    EXPECT_FALSE(rank.context.Find(memory.value().get(), 1000).registered());
    const auto half = rank.context.channel(0).NextHalf();
    ASSERT_TRUE(half.ok()) << half.status().message();
    EXPECT_FALSE(half.value().input_place.registered());
  };
  RunDeviceRanks(3, body, options);
}

TEST(CudaIpcChoice, NeedsOneHost) {
  DeviceRanksOptions options;
  options.host_ids = {"a", "a", "b", "b"};
  const auto body = [](DeviceRank& rank) {
    EXPECT_TRUE(rank.context.facts().peers_reach_each_other);
    EXPECT_EQ(rank.context.channel(0).size(), 2);
    EXPECT_FALSE(Algorithm().Supports(rank.context, {.count = 10}));
  };
  RunDeviceRanks(4, body, options);
}

}  // namespace
}  // namespace ronde
