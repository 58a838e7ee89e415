#include "tensor_fusion/process_set_contexts.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "collectives/allreduce/algorithm.h"
#include "core/base/config.h"
#include "tests/support/run_ranks.h"
#include "tests/tensor_fusion/set_operations.h"

namespace ronde {
namespace {

struct World {
  std::string algorithm = "auto";
  std::size_t threshold_bytes = 1 << 20;
  std::string timeout_s = "30";
  std::vector<std::string> host_ids = {};
};

// Runs `body(context, executor)` on `ranks` ranks.
void RunSets(int ranks, const World& world,
             const std::function<void(CollectiveContext&, FusedExecutor&)>& body) {
  RunRanks(ranks,
           [&](Transport& transport) {
             Config config;
             for (const auto& [setting, value] :
                  {std::pair(Setting::kAllreduceAlgorithm, world.algorithm),
                   std::pair(Setting::kTimeoutS, world.timeout_s)}) {
               ASSERT_TRUE(config.Set(setting, value, SettingOrigin::kProgram).ok());
             }
             auto context = CollectiveContext::Create(transport, config);
             ASSERT_TRUE(context.ok()) << context.status().message();
             auto selector = Selector::Create(config);
             ASSERT_TRUE(selector.ok()) << selector.status().message();
             FusedExecutor executor(*context.value(), std::move(selector).value(),
                                    world.threshold_bytes);
             body(*context.value(), executor);
           },
           {.host_ids = world.host_ids});
}

TEST(ProcessSets, RunEveryCollectiveAmongTheirOwnRanks) {
  for (const int ranks : {3, 4, 8}) {
    for (const std::size_t threshold_bytes : {std::size_t{0}, std::size_t{1} << 20}) {
      RunSets(ranks, {.threshold_bytes = threshold_bytes},
              [](CollectiveContext& context, FusedExecutor& executor) {
                RunOverlappingSets(context.rank(), context.size(), executor);
              });
    }
  }
}

TEST(ProcessSets, MaySpanHostsUnevenly) {
  const std::vector<std::vector<std::string>> jobs = {
      {"a", "a", "a", "b", "b", "b"}, {"a", "b", "a", "b", "c"}, {"a", "b", "c", "d"}};
  for (const auto& host_ids : jobs) {
    RunSets(static_cast<int>(host_ids.size()), {.host_ids = host_ids},
            [](CollectiveContext& context, FusedExecutor& executor) {
              RunOverlappingSets(context.rank(), context.size(), executor);
            });
  }
}

TEST(ProcessSets, FallBackWhereTheNamedAlgorithmCannotRun) {
  // Shared memory serves the first set; the second spans hosts.
  RunSets(4, {.algorithm = "shared_memory", .host_ids = {"a", "a", "b", "b"}},
          [](CollectiveContext& context, FusedExecutor& executor) {
            SetOperations list(context.rank());
            list.Add(1, {0, 1});
            list.Add(2, {1, 2, 3});
            for (const std::int64_t count : {10, 20, 30'000}) {
              list.Allreduce(1, {0, 1}, count);
              list.Allreduce(2, {1, 2, 3}, count);
            }
            list.RunAll(executor);
          });
}

TEST(ProcessSets, ComeAndGoByTheHundred) {
  RunSets(4, {}, [](CollectiveContext& context, FusedExecutor& executor) {
    AddAndRemove(context.rank(), context.size(), 300, 1, executor);
  });
}

TEST(ProcessSets, CountTheirBytesAfterTheyHaveGoneToo) {
  RunSets(3, {}, [](CollectiveContext& context, FusedExecutor& executor) {
    const Members pair = {1, 2};
    SetOperations made(context.rank());
    made.Add(1, pair);
    made.RunAll(executor);
    const std::uint64_t before = executor.bytes_on_wire();
    SetOperations list(context.rank());
    list.Allreduce(1, pair, 50'000);
    list.Remove(1);
    list.RunAll(executor);
    const std::uint64_t sent = executor.bytes_on_wire() - before;
    EXPECT_EQ(sent > 0, context.rank() > 0) << context.rank();
  });
}

TEST(ProcessSets, RefuseWhatTheEngineShouldNotHaveSent) {
  RunSets(3, {}, [](CollectiveContext& context, FusedExecutor& executor) {
    SetOperations unknown(context.rank());
    unknown.Allreduce(7, {0, 1, 2}, 10);
    const Status status = executor.Execute(unknown.operations());
    EXPECT_EQ(status.code(), StatusCode::kInternal);
    EXPECT_NE(status.message().find("process set 7"), std::string::npos) << status.message();
    ProcessSetContexts sets(context);
    for (const Members& members : {Members{}, Members{1, 0}, Members{1, 1}, Members{0, 3}}) {
      EXPECT_EQ(sets.Add(1, members).code(), StatusCode::kInternal);
    }
    EXPECT_EQ(sets.Add(kWorld, Members{0}).code(), StatusCode::kInternal);
    EXPECT_TRUE(sets.Add(1, Members{0, 2}).ok());
    const bool is_member = context.rank() != 1;
    EXPECT_EQ(sets.Find(1) != nullptr, is_member);
    EXPECT_EQ(sets.size(), is_member ? 1U : 0U);
    if (is_member) EXPECT_EQ(sets.Add(1, Members{0, 2}).code(), StatusCode::kInternal);
  });
}

TEST(ProcessSets, ReachTheRegisteredMemoryOfTheirRanksInPlace) {
  static constexpr std::int64_t kCount = 100'000;
  RunSets(
      5, {.host_ids = {"b", "a", "a", "b", "a"}}, [](CollectiveContext& context, FusedExecutor&) {
        auto memory = context.registered().Allocate(context.communicator().local().transport(),
                                                    kCount * sizeof(float), context.NewDeadline());
        ASSERT_TRUE(memory.ok()) << memory.status().message();
        auto* const values = reinterpret_cast<float*>(memory.value().get());
        ProcessSetContexts sets(context);
        // On host a these are the second and third rank, so that a part's number is not its rank's.
        ASSERT_TRUE(sets.Add(1, Members{2, 4}).ok());
        std::fill_n(values, kCount, static_cast<float>(context.rank()));
        if (ProcessSetContext* const set = sets.Find(1)) {
          AllreduceArguments arguments;
          arguments.input = values;
          arguments.output = values;
          arguments.count = kCount;
          arguments.input_place = context.registered().Find(values, kCount * sizeof(float));
          arguments.output_place = arguments.input_place;
          ASSERT_TRUE(arguments.input_place.registered());
          const AllreduceAlgorithm* const in_place = FindAllreduceAlgorithm("push_two_shot");
          ASSERT_TRUE(in_place->Supports(set->context, arguments));
          const Status status = in_place->Run(set->context, arguments);
          ASSERT_TRUE(status.ok()) << status.message();
        }
        const bool is_member = context.rank() == 2 || context.rank() == 4;
        const float expected = is_member ? 6 : static_cast<float>(context.rank());
        EXPECT_EQ(std::count(values, values + kCount, expected), kCount) << context.rank();
      });
}

TEST(ProcessSets, EndWithTheCauseOfARankThatEndsTheJobMeanwhile) {
  RunSets(4, {}, [](CollectiveContext& context, FusedExecutor& executor) {
    // The others are ready when they have said so.
    Transport& transport = context.transport();
    std::byte ready{};
    for (const int peer : {0, 2, 3}) {
      const Deadline deadline = Deadline::After(10);
      if (context.rank() == 1) ASSERT_TRUE(transport.Receive(peer, 9, {&ready, 1}, deadline).ok());
      if (context.rank() == peer) ASSERT_TRUE(transport.Send(1, 9, {&ready, 1}, deadline).ok());
    }
    if (context.rank() == 1) {
      transport.Abort(Status::Aborted("rank 1 has had enough"));
      return;
    }
    SetOperations list(context.rank());
    list.Add(1, {0, 1, 2});
    const Status status = executor.Execute(list.operations());
    EXPECT_EQ(status.code(), StatusCode::kAborted);
    EXPECT_EQ(status.message().find("rank 1 has had enough"), 0U) << status.message();
  });
}

TEST(ProcessSets, DoNotWaitForeverForARankThatStaysAway) {
  for (const bool within_the_set : {false, true}) {
    RunSets(3, {.timeout_s = "0.3"}, [&](CollectiveContext& context, FusedExecutor& executor) {
      if (context.rank() == 2) {
        // Either it never comes, or it leaves once the group has been made.
        if (within_the_set) (void)context.transport().Split(1, 2, Deadline::After(5));
        return;
      }
      SetOperations list(context.rank());
      list.Add(1, {0, 1, 2});
      EXPECT_EQ(executor.Execute(list.operations()).code(), StatusCode::kTimeout);
    });
  }
}

}  // namespace
}  // namespace ronde
