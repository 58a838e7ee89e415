#include "bench/collectives/sweep.h"

#include <gtest/gtest.h>

#include "tests/support/run_ranks.h"

namespace ronde::bench {
namespace {

TEST(Sweep, MeasuresAndChecksEveryRow) {
  RunRanksOwning(3, [](std::unique_ptr<Transport> transport) {
    BenchOptions options;
    options.min_bytes = 4;
    options.max_bytes = 64 << 10;
    options.step_factor = 128;
    options.iterations = 3;
    options.warmup_iterations = 1;
    options.dtypes = {DataType::kFloat32, DataType::kBFloat16};
    options.ops = {ReduceOp::kSum, ReduceOp::kMax};
    const Config config;
    auto direct = DirectRunner::CreateOn(std::move(transport), config);
    ASSERT_TRUE(direct.ok()) << direct.status().ToString();
    int rows = 0;
    const Status status = Sweep(options, config, *direct.value(), [&rows](const Row& row) {
      ++rows;
      EXPECT_TRUE(row.checked);
      EXPECT_EQ(row.wrong[0], 0);
      EXPECT_EQ(row.wrong[1], 0);
      EXPECT_GT(row.timing[0].mean_us, 0);
      EXPECT_LE(row.timing[1].p50_us, row.timing[1].p99_us);
    });
    EXPECT_TRUE(status.ok()) << status.ToString();
    EXPECT_EQ(rows, 2 * 2 * 3);
  });
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
