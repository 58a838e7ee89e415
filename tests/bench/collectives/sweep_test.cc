#include "bench/collectives/sweep.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/run_ranks.h"

namespace ronde::bench {
namespace {

BenchOptions ShortOptions(Collective collective) {
  BenchOptions options;
  options.collective = collective;
  options.min_bytes = 4;
  options.max_bytes = 64 << 10;
  options.step_factor = 128;
  options.iterations = 2;
  options.warmup_iterations = 1;
  options.dtypes = {DataType::kFloat32, DataType::kBFloat16};
  options.ops = {ReduceOp::kSum, ReduceOp::kMax};
  return options;
}

// Every row is checked, and right, on `ranks` ranks; counts rows.
void ExpectRightRows(int ranks, const BenchOptions& options, int expected_rows) {
  RunRanksOwning(ranks, [&](std::unique_ptr<Transport> transport) {
    const Config config;
    auto direct = DirectRunner::CreateOn(std::move(transport), config);
    ASSERT_TRUE(direct.ok()) << direct.status().ToString();
    int rows = 0;
    const Status status = Sweep(options, config, *direct.value(), [&](const Row& row) {
      ++rows;
      EXPECT_TRUE(row.checked);
      EXPECT_FALSE(row.algorithm.empty());
      for (int place = 0; place < row.places(); ++place) {
        EXPECT_EQ(row.wrong[place], 0)
            << Name(row.collective) << " " << row.size_bytes << " " << Name(row.dtype);
        EXPECT_GT(row.timing[place].mean_us, 0);
        EXPECT_LE(row.timing[place].p50_us, row.timing[place].p99_us);
        EXPECT_LE(row.timing[place].rank_least_us, row.timing[place].rank_average_us);
        EXPECT_LE(row.timing[place].rank_average_us, row.timing[place].rank_most_us);
      }
    });
    EXPECT_TRUE(status.ok()) << status.ToString();
    EXPECT_EQ(rows, expected_rows);
  });
}

constexpr Collective kAll[] = {Collective::kAllreduce,     Collective::kAllgather,
                               Collective::kReducescatter, Collective::kBroadcast,
                               Collective::kAlltoall,      Collective::kSendrecv};

TEST(Sweep, MeasuresAndChecksEveryCollective) {
  for (const Collective collective : kAll) {
    for (const int ranks : {1, 2, 3}) {
      ExpectRightRows(ranks, ShortOptions(collective), Reduces(collective) ? 2 * 2 * 3 : 2 * 3);
    }
  }
}

TEST(Sweep, RunsInRegisteredMemory) {
  for (const Collective collective : kAll) {
    BenchOptions options = ShortOptions(collective);
    options.registered_buffers = true;
    options.dtypes = {DataType::kFloat32};
    options.ops = {ReduceOp::kSum};
    ExpectRightRows(3, options, 3);
  }
}

TEST(Sweep, ChecksColdConsumedAndRootedRowsToo) {
  BenchOptions options = ShortOptions(Collective::kBroadcast);
  options.rules = {.cold = true, .consume = true};
  options.root = 2;
  options.check_calls = 2;
  ExpectRightRows(3, options, 2 * 3);
}

TEST(Sweep, MeasuresMemoryBesideAllreduce) {
  for (const bool registered : {false, true}) {
    BenchOptions options = ShortOptions(Collective::kAllreduce);
    options.registered_buffers = registered;
    options.bounds = true;
    RunRanksOwning(2, [&options](std::unique_ptr<Transport> transport) {
      auto direct = DirectRunner::CreateOn(std::move(transport), Config());
      ASSERT_TRUE(direct.ok());
      const Status status = Sweep(options, Config(), *direct.value(), [](const Row& row) {
        ASSERT_TRUE(row.bound.has_value());
        EXPECT_EQ(row.wrong[0] + row.wrong[1], 0);
        for (int place = 0; place < 2; ++place) {
          EXPECT_GT(row.bound->timing[place].p50_us, 0);
          EXPECT_GT(row.bound->percent[place], 0);
        }
        EXPECT_GT(row.bound->read.p50_us, 0);
      });
      EXPECT_TRUE(status.ok()) << status.ToString();
    });
  }
}

TEST(Sweep, RefusesARootThatDoesNotExist) {
  RunRanksOwning(2, [](std::unique_ptr<Transport> transport) {
    auto direct = DirectRunner::CreateOn(std::move(transport), Config());
    ASSERT_TRUE(direct.ok());
    BenchOptions options = ShortOptions(Collective::kBroadcast);
    options.root = 2;
    const Status status = Sweep(options, Config(), *direct.value(), [](const Row&) {});
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  });
}

TEST(Sweep, RefusesBeforeTheFirstRowWhatSettingsRuleOutForALaterOne) {
  for (const bool engine_path : {false, true}) {
    RunRanksOwning(2, [engine_path](std::unique_ptr<Transport> transport) {
      Config config;
      ASSERT_TRUE(
          config
              .Set(Setting::kAllreduceAlgorithm, "ring:-1K,push_two_shot:1K-", SettingOrigin::kFlag)
              .ok());
      auto direct = DirectRunner::CreateOn(std::move(transport), config);
      ASSERT_TRUE(direct.ok()) << direct.status().ToString();
      BenchOptions options = ShortOptions(Collective::kAllreduce);
      options.engine_path = engine_path;
      int rows = 0;
      const Status status = Sweep(options, config, *direct.value(), [&](const Row&) { ++rows; });
      EXPECT_EQ(status.code(), StatusCode::kUnavailable);
      EXPECT_THAT(status.message(), testing::HasSubstr("push_two_shot"));
      EXPECT_EQ(rows, 0);
    });
  }
}

TEST(DirectRunner, AgreesOnAFailureOfAnyRank) {
  RunRanksOwning(3, [](std::unique_ptr<Transport> transport) {
    const int rank = transport->rank();
    auto direct = DirectRunner::CreateOn(std::move(transport), Config());
    ASSERT_TRUE(direct.ok());
    EXPECT_TRUE(direct.value()->Agree(Status::Ok()).ok());
    const Status mine = rank == 1 ? Status::InvalidArgument("no such folder") : Status::Ok();
    EXPECT_FALSE(direct.value()->Agree(mine).ok());
  });
}

}  // namespace
}  // namespace ronde::bench
