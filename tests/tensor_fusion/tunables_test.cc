// Executors whose tunables change between two lists.

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "collectives/shared/shared_channel.h"
#include "core/base/config.h"
#include "tensor_fusion/fused_executor.h"
#include "tests/support/run_ranks.h"

namespace ronde {
namespace {

constexpr std::size_t kSizes[] = {1, 5000, 17, 100'000, 3, 40'000};

void RunExecutors(int size, const std::vector<std::pair<Setting, std::string>>& settings,
                  const std::function<void(CollectiveContext&, FusedExecutor&)>& body) {
  Config config;
  for (const auto& [setting, value] : settings) {
    ASSERT_TRUE(config.Set(setting, value, SettingOrigin::kProgram).ok());
  }
  RunRanks(size, [&](Transport& transport) {
    auto context = CollectiveContext::Create(transport, config);
    ASSERT_TRUE(context.ok()) << context.status().message();
    auto selector = Selector::Create(config);
    ASSERT_TRUE(selector.ok()) << selector.status().message();
    FusedExecutor executor(
        *context.value(), std::move(selector).value(),
        static_cast<std::size_t>(config.GetInteger(Setting::kFusionThresholdBytes)));
    body(*context.value(), executor);
  });
}

// Sums a list of tensors of many sizes and checks it.
void RunList(CollectiveContext& context, FusedExecutor& executor) {
  std::vector<std::vector<float>> values;
  for (const std::size_t count : kSizes) {
    values.emplace_back(count, static_cast<float>(context.rank() + 1 + values.size()));
  }
  std::vector<ReadyOperation> operations(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const Shape shape = {static_cast<std::int64_t>(values[i].size())};
    operations[i].response->request.shape = shape;
    operations[i].entry.request.shape = shape;
    operations[i].entry.input = TensorView(values[i].data(), DataType::kFloat32, shape);
    operations[i].entry.output = operations[i].entry.input;
  }
  const Status status = executor.Execute(operations);
  ASSERT_TRUE(status.ok()) << status.message();
  const auto n = static_cast<float>(context.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const float sum = n * (n + 1) / 2 + n * static_cast<float>(i);
    ASSERT_EQ(values[i], std::vector<float>(values[i].size(), sum)) << "tensor " << i;
  }
}

TEST(ExecutorTunables, SayWhatIsInForce) {
  RunExecutors(3, {{Setting::kFusionThresholdBytes, "2M"}, {Setting::kChunkBytes, "64K"}},
               [](CollectiveContext& context, FusedExecutor& executor) {
                 Tunables tunables = executor.tunables();
                 EXPECT_EQ(tunables.fusion_threshold_bytes, 2 << 20);
                 EXPECT_EQ(tunables.chunk_bytes, 64 << 10);
                 EXPECT_EQ(tunables.one_shot_bytes, context.costs().one_shot_bytes);
                 tunables.fusion_threshold_bytes = 0;
                 tunables.chunk_bytes = 32 << 10;
                 tunables.one_shot_bytes = 5000;
                 executor.Apply(tunables);
                 EXPECT_EQ(executor.tunables(), tunables);
                 EXPECT_EQ(context.costs().one_shot_bytes, 5000);
                 EXPECT_EQ(context.shared_channel()->slot_bytes(), 32U << 10);
               });
}

TEST(ExecutorTunables, TheFusionThresholdChangesThePlanOfTheNextList) {
  // Of an algorithm that leaves it to the executor to bring tensors together.
  RunExecutors(3, {{Setting::kAllreduceAlgorithm, "recursive_doubling"}},
               [](CollectiveContext& context, FusedExecutor& executor) {
                 std::uint64_t packed_before = 0;
                 const auto packed_by_list = [&](std::int64_t threshold_bytes) {
                   Tunables tunables = executor.tunables();
                   tunables.fusion_threshold_bytes = threshold_bytes;
                   executor.Apply(tunables);
                   RunList(context, executor);
                   return executor.bytes_packed() -
                          std::exchange(packed_before, executor.bytes_packed());
                 };
                 EXPECT_EQ(packed_by_list(0), 0U);
                 const std::uint64_t all = packed_by_list(1 << 20);
                 EXPECT_GT(all, 580'000U);
                 const std::uint64_t some = packed_by_list(30'000);
                 EXPECT_GT(some, 0U);
                 EXPECT_LT(some, 30'000U);
                 EXPECT_EQ(packed_by_list(0), 0U);
               });
}

TEST(ExecutorTunables, ResultsStayRightWhateverChangesBetweenLists) {
  for (const int size : {2, 3, 5}) {
    RunExecutors(size, {{Setting::kAutotune, "on"}},
                 [](CollectiveContext& context, FusedExecutor& executor) {
                   std::size_t turn = 0;
                   for (const std::int64_t threshold_bytes : {0, 65536, 1 << 28}) {
                     for (const std::int64_t chunk_bytes : {4096, 1 << 20, 32768, 262144}) {
                       for (const std::int64_t one_shot_bytes : {0, 262144, 4096}) {
                         Tunables tunables = executor.tunables();
                         tunables.fusion_threshold_bytes = threshold_bytes;
                         tunables.chunk_bytes = chunk_bytes;
                         tunables.one_shot_bytes = one_shot_bytes;
                         executor.Apply(tunables);
                         for (std::size_t i = 0; i < 1 + turn % 2; ++i) RunList(context, executor);
                         ++turn;
                       }
                     }
                   }
                 });
  }
}

TEST(ExecutorTunables, ChunksGrowToWhatAutotuningAllocatesAndNoFurther) {
  const auto largest = [](const char* autotune) {
    std::size_t slot_bytes = 0;
    RunExecutors(2, {{Setting::kAutotune, autotune}},
                 [&](CollectiveContext& context, FusedExecutor& executor) {
                   EXPECT_EQ(context.shared_channel()->slot_bytes(), 256U << 10);
                   Tunables tunables = executor.tunables();
                   tunables.chunk_bytes = 1 << 28;
                   executor.Apply(tunables);
                   RunList(context, executor);
                   const std::size_t bytes = context.shared_channel()->slot_bytes();
                   EXPECT_EQ(bytes, context.largest_chunk_bytes());
                   if (context.rank() == 0) slot_bytes = bytes;
                 });
    return slot_bytes;
  };
  EXPECT_EQ(largest("off"), 256U << 10);
  EXPECT_EQ(largest("on"), 1U << 20);
}

TEST(ExecutorTunables, OneRankAloneFusesNothing) {
  RunExecutors(1, {}, [](CollectiveContext& context, FusedExecutor& executor) {
    Tunables tunables = executor.tunables();
    EXPECT_EQ(tunables.fusion_threshold_bytes, 0);
    tunables.fusion_threshold_bytes = 1 << 20;
    executor.Apply(tunables);
    EXPECT_EQ(executor.tunables().fusion_threshold_bytes, 0);
    RunList(context, executor);
  });
}

}  // namespace
}  // namespace ronde
