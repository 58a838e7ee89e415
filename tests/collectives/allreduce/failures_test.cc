#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collectives/allreduce/algorithm.h"
#include "collectives/selector.h"
#include "tests/support/run_ranks.h"

namespace ronde {
namespace {

using testing::HasSubstr;

Config ConfigWithTimeout(const std::string& seconds) {
  Config config;
  EXPECT_TRUE(config.Set(Setting::kTimeoutS, seconds, SettingOrigin::kProgram).ok());
  return config;
}

constexpr std::int64_t kCount = 1000;

ReduceOp OperatorOf(const AllreduceAlgorithm& algorithm) {
  return algorithm.Reduces(ReduceOp::kSum) ? ReduceOp::kSum : ReduceOp::kAdasum;
}

// Collective: what every algorithm can work on.
AllreduceArguments Operands(CollectiveContext& context, std::shared_ptr<std::byte>& memory) {
  auto allocated = context.registered().Allocate(context.communicator().local().transport(),
                                                 kCount * sizeof(float), context.NewDeadline());
  EXPECT_TRUE(allocated.ok()) << allocated.status().message();
  memory = std::move(allocated).value();
  const MemoryPlace place = context.registered().Find(memory.get(), kCount * sizeof(float));
  return {.input = memory.get(),
          .output = memory.get(),
          .count = kCount,
          .input_place = place,
          .output_place = place};
}

// Runs `late` on rank 1, and on the other ranks a sum, whose status goes to `check`.
void RunWithoutRankOne(const AllreduceAlgorithm& algorithm, int ranks, const std::string& timeout_s,
                       const std::function<void(Transport&)>& late,
                       const std::function<void(int, const Status&)>& check) {
  std::atomic<int> waiting{ranks - 1};
  RunRanks(ranks, [&](Transport& transport) {
    auto context = CollectiveContext::Create(transport, ConfigWithTimeout("30"));
    ASSERT_TRUE(context.ok()) << context.status().message();
    auto hasty = CollectiveContext::Create(transport, ConfigWithTimeout(timeout_s));
    ASSERT_TRUE(hasty.ok()) << hasty.status().message();
    std::shared_ptr<std::byte> memory;
    AllreduceArguments arguments = Operands(*hasty.value(), memory);
    arguments.op = OperatorOf(algorithm);
    if (!algorithm.Supports(*hasty.value(), arguments)) return;
    if (transport.rank() == 1) {
      late(transport);
      while (waiting.load() > 0) std::this_thread::yield();
      return;
    }
    check(transport.rank(), algorithm.Run(*hasty.value(), arguments));
    --waiting;
  });
}

class AllreduceFailures : public testing::TestWithParam<const AllreduceAlgorithm*> {};

TEST_P(AllreduceFailures, TimeoutNamesTheLateRank) {
  RunWithoutRankOne(
      *GetParam(), 2, "0.3", [](Transport&) {},
      [](int, const Status& status) {
        EXPECT_EQ(status.code(), StatusCode::kTimeout) << status.ToString();
        EXPECT_THAT(status.message(), HasSubstr("rank 1"));
      });
}

TEST_P(AllreduceFailures, AbortWakesWaitingRanksWithItsCause) {
  const auto started = std::chrono::steady_clock::now();
  RunWithoutRankOne(
      *GetParam(), 3, "30",
      [](Transport& transport) {
        std::this_thread::sleep_for(std::chrono::milliseconds(100));  // let the others fall asleep
        transport.Abort(Status::Aborted("rank 1: out of cheese"));
      },
      [](int, const Status& status) {
        EXPECT_EQ(status.code(), StatusCode::kAborted) << status.ToString();
        EXPECT_THAT(status.message(), HasSubstr("out of cheese"));
      });
  EXPECT_LT(std::chrono::steady_clock::now() - started, std::chrono::seconds(10));
}

TEST_P(AllreduceFailures, RefusesToScaleIntegers) {
  RunRanks(1, [](Transport& transport) {
    auto context = CollectiveContext::Create(transport, Config());
    ASSERT_TRUE(context.ok());
    std::int32_t value = 1;
    const Status status = GetParam()->Run(*context.value(), {.input = &value,
                                                             .output = &value,
                                                             .count = 1,
                                                             .dtype = DataType::kInt32,
                                                             .op = OperatorOf(*GetParam()),
                                                             .prescale = 0.5});
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    EXPECT_THAT(status.message(), HasSubstr("int32"));
  });
}

INSTANTIATE_TEST_SUITE_P(All, AllreduceFailures, testing::ValuesIn(AllreduceAlgorithms()),
                         [](const auto& info) { return std::string(info.param->name()); });

TEST(SharedMemoryAllreduce, TimeoutNamesTheLateRankOfThree) {
  RunWithoutRankOne(
      *FindAllreduceAlgorithm("shared_memory"), 3, "0.3", [](Transport&) {},
      [](int rank, const Status& status) {
        EXPECT_EQ(status.code(), StatusCode::kTimeout);
        EXPECT_THAT(status.message(), HasSubstr("for rank 1,")) << "on rank " << rank;
      });
}

}  // namespace
}  // namespace ronde
