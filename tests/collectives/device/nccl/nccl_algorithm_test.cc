#include <algorithm>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collectives/device/algorithm.h"
#include "collectives/device/nccl/nccl_companion.h"
#include "tests/collectives/device/device_ranks.h"
#include "tests/collectives/device/nccl/fake_nccl.h"
#include "tests/conformance/allreduce_values.h"

namespace ronde {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

const DeviceAllreduceAlgorithm& Nccl() { return *FindDeviceAllreduceAlgorithm("nccl"); }

// The sum of a float over all ranks, given to `channel`.
AllreduceArguments SumOf(float* value) {
  return {.input = value, .output = value, .count = 1, .dtype = DataType::kFloat32};
}

TEST(NcclAlgorithm, PromisesNoOrderAndTakesMemoryAsItIs) {
  EXPECT_EQ(Nccl().order(2), ReductionOrder::kOffsetDependent);
  EXPECT_EQ(Nccl().order(8), ReductionOrder::kOffsetDependent);
  EXPECT_FALSE(Nccl().Reduces(ReduceOp::kAdasum));
  EXPECT_TRUE(Nccl().Reduces(ReduceOp::kProduct));
  EXPECT_THAT(std::string(Nccl().Needs()), HasSubstr("libnccl.so.2"));
}

TEST(NcclAlgorithm, IsNotOfferedWhereSomeRankHasNone) {
  RunDeviceRanks(2, [](DeviceRank& rank) {
    float value = 1;
    EXPECT_EQ(rank.context.facts().nccl_version, 0) << "of simulated devices";
    EXPECT_FALSE(NcclServes(rank.context));
    EXPECT_FALSE(Nccl().Supports(rank.context, SumOf(&value)));
  });
}

TEST(NcclAlgorithm, ReducesOnAllChannelsWithOneCommunicator) {
  FakeNccl nccl;
  RunDeviceRanks(3, [&](DeviceRank& rank) {
    UseNccl(rank.context, &nccl);
    const DataType dtype = DataType::kFloat32;
    const std::int64_t count = 1001;
    std::vector<std::vector<std::byte>> inputs;
    for (int peer = 0; peer < 3; ++peer) inputs.push_back(MakeInput(dtype, count, 3, peer));
    for (int round = 0; round < 6; ++round) {
      DeviceChannel& channel = rank.context.channel(round % rank.context.channels());
      const DeviceBuffer data = PrivateCopy(rank, inputs[static_cast<std::size_t>(rank.rank())]);
      const AllreduceArguments arguments = {.input = data.data(),
                                            .output = data.data(),
                                            .count = count,
                                            .dtype = dtype,
                                            .op = ReduceOp::kAverage};
      ASSERT_TRUE(Nccl().Supports(rank.context, arguments));
      EXPECT_FALSE(Nccl().WantsMapped(rank.context, arguments));
      const Status status = Nccl().Run(rank.context, channel, arguments);
      ASSERT_TRUE(status.ok()) << status.message();
      ASSERT_TRUE(Finish(rank, channel).ok());
      EXPECT_TRUE(rank.context.TakeFault(channel).ok());
      for (std::int64_t i = 0; i < count; ++i) {
        double sum = 0;
        for (const std::vector<std::byte>& input : inputs) sum += FloatAt(dtype, input.data(), i);
        ASSERT_NEAR(FloatAt(dtype, data.data(), i), sum / 3, 1e-6);
      }
    }
  });
  EXPECT_EQ(nccl.calls("Finalize"), 3) << "one communicator a rank";
  EXPECT_EQ(nccl.live(), 0);
  EXPECT_THAT(nccl.violations(), IsEmpty());
}

TEST(NcclAlgorithm, OneRankNeedsNoNccl) {
  RunDeviceRanks(1, [](DeviceRank& rank) {
    const std::vector<float> values = {1, -2, 3};
    std::vector<std::byte> bytes(sizeof(float) * values.size());
    std::memcpy(bytes.data(), values.data(), bytes.size());
    const DeviceBuffer input = PrivateCopy(rank, bytes);
    const DeviceBuffer output = PrivateCopy(rank, bytes);
    for (const double factor : {1.0, 0.5}) {
      const AllreduceArguments arguments = {.input = input.data(),
                                            .output = output.data(),
                                            .count = 3,
                                            .dtype = DataType::kFloat32,
                                            .op = ReduceOp::kAverage,
                                            .prescale = factor};
      ASSERT_TRUE(Nccl().Supports(rank.context, arguments));
      ASSERT_TRUE(Nccl().Run(rank.context, rank.context.channel(0), arguments).ok());
      ASSERT_TRUE(Finish(rank, rank.context.channel(0)).ok());
      for (std::size_t i = 0; i < values.size(); ++i) {
        EXPECT_EQ(FloatAt(DataType::kFloat32, output.data(), static_cast<std::int64_t>(i)),
                  values[i] * factor);
      }
    }
  });
}

TEST(NcclAlgorithm, CostsTheBusAndALaunchWhereAFactorIsLeft) {
  RunDeviceRanks(3, [](DeviceRank& rank) {
    DeviceCosts costs = rank.context.costs();
    costs.nccl = {.alpha_us = 20, .beta_us = 1e-5, .gamma_us = 0};
    rank.context.set_costs(costs);
    AllreduceArguments arguments = {.count = 1 << 20, .dtype = DataType::kFloat32};
    const double plain = Nccl().Cost(rank.context, arguments);
    EXPECT_NEAR(plain, 20 + 2 * 4.0 * (1 << 20) * 2 / 3 * 1e-5, 1e-9);
    arguments.op = ReduceOp::kAverage;
    EXPECT_EQ(Nccl().Cost(rank.context, arguments), plain);
    arguments.dtype = DataType::kBFloat16;
    const double averaged = Nccl().Cost(rank.context, arguments);
    arguments.op = ReduceOp::kSum;
    EXPECT_GT(averaged, Nccl().Cost(rank.context, arguments));
  });
}

TEST(NcclAlgorithm, IsNoLongerOfferedAfterItCouldNotConnect) {
  FakeNccl nccl;
  nccl.FailInit(1, NcclResult::kSystemError, "no route");
  const DeviceRanksOptions options = {.timeout_s = "1"};
  RunDeviceRanks(
      2,
      [&](DeviceRank& rank) {
        UseNccl(rank.context, &nccl);
        float value = 1;
        ASSERT_TRUE(Nccl().Supports(rank.context, SumOf(&value)));
        const Status status = Nccl().Run(rank.context, rank.context.channel(0), SumOf(&value));
        EXPECT_EQ(status.code(), StatusCode::kUnavailable);
        EXPECT_THAT(status.message(), HasSubstr("no route"));
        EXPECT_FALSE(Nccl().Supports(rank.context, SumOf(&value)));
      },
      options);
  EXPECT_EQ(nccl.live(), 0);
}

TEST(NcclAlgorithm, BackgroundErrorsAreFaultsOfTheContext) {
  FakeNccl nccl;
  RunDeviceRanks(2, [&](DeviceRank& rank) {
    UseNccl(rank.context, &nccl);
    DeviceChannel& channel = rank.context.channel(0);
    float value = 1;
    ASSERT_TRUE(Nccl().Run(rank.context, channel, SumOf(&value)).ok());
    ASSERT_TRUE(Finish(rank, channel).ok());
    EXPECT_TRUE(rank.context.TakeFault(channel).ok());
    nccl.InjectAsyncError(rank.rank(), NcclResult::kRemoteError, "peer has gone");
    EXPECT_THAT(rank.context.TakeFault(channel).message(), HasSubstr("peer has gone"));
  });
  EXPECT_EQ(nccl.live(), 0);
  EXPECT_THAT(nccl.violations(), IsEmpty());
}

TEST(NcclAlgorithm, AbortOfTheContextEndsWhatWaitsForAPeer) {
  FakeNccl nccl;
  RunDeviceRanks(2, [&](DeviceRank& rank) {
    UseNccl(rank.context, &nccl);
    DeviceChannel& channel = rank.context.channel(0);
    float value = 1;
    ASSERT_TRUE(Nccl().Run(rank.context, channel, SumOf(&value)).ok());
    ASSERT_TRUE(Finish(rank, channel).ok());
    if (rank.rank() == 0) {  // rank 1 does not come
      ASSERT_TRUE(Nccl().Run(rank.context, channel, SumOf(&value)).ok());
    }
    rank.context.Abort();
    EXPECT_TRUE(Finish(rank, channel).ok());
    EXPECT_EQ(Nccl().Run(rank.context, channel, SumOf(&value)).code(), StatusCode::kAborted);
  });
  EXPECT_EQ(nccl.aborted(), 2);
  EXPECT_THAT(nccl.violations(), IsEmpty());
}

}  // namespace
}  // namespace ronde
