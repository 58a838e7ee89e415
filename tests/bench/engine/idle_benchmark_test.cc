#include "bench/engine/idle_benchmark.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "bench/collectives/session_worlds.h"
#include "core/base/clock.h"
#include "tests/support/run_ranks.h"

namespace ronde::bench {
namespace {

TEST(ProcessUsage, CountsProcessorTime) {
  const SteadyClock clock;
  const ProcessUsage before = UsageOfThisProcess();
  const std::int64_t start_ns = clock.NowNs();
  constexpr std::int64_t kBusyNs = 60'000'000;
  while (clock.NowNs() - start_ns < kBusyNs) continue;
  // Half of it: a neighbour may have the core for a while.
  EXPECT_GT(UsageOfThisProcess().cpu_s - before.cpu_s, 0.03);
}

std::vector<IdleRow> Idle(int ranks) {
  SessionWorlds worlds(ranks);
  std::vector<IdleRow> rows;
  RunRanksOwning(ranks, [&](std::unique_ptr<Transport> transport) {
    const Config config;
    auto direct = DirectRunner::CreateOn(std::move(transport), config);
    ASSERT_TRUE(direct.ok()) << direct.status().ToString();
    const int rank = direct.value()->rank();
    std::size_t sessions = 0;
    const Status status = MeasureIdle(
        {.seconds = 0.05}, config, *direct.value(),
        [&](const Config& of_session) {
          return Session::CreateOn(worlds.Connect(sessions++, rank), of_session);
        },
        [&](const IdleRow& row) {
          if (rank == 0) rows.push_back(row);
        });
    EXPECT_TRUE(status.ok()) << status.ToString();
  });
  return rows;
}

TEST(Idle, MeasuresWaitingForNothingAndForEveryRank) {
  const std::vector<IdleRow> rows = Idle(2);
  ASSERT_EQ(rows.size(), 5u);
  EXPECT_EQ(rows[0].situation, "idle");
  for (const IdleRow& row : rows) {
    ASSERT_EQ(row.cpu_percent.size(), 2u) << row.situation;
    ASSERT_EQ(row.switches_per_s.size(), 2u) << row.situation;
    // Ranks are threads here, so that each sees what both cost. An engine that spins takes a core.
    EXPECT_LT(row.cpu_percent[0], 90) << row.situation;
  }
}

TEST(Idle, HasNobodyToWaitForAlone) { EXPECT_EQ(Idle(1).size(), 1u); }

TEST(IdleReport, NamesTheBusiestRank) {
  const IdleRow row = {"idle", 10, {0.04, 0.3}, {4, 6}};
  EXPECT_THAT(IdleLine(row), testing::ContainsRegex("^  idle +0.300 +6.0 +1$"));
  const auto json = nlohmann::json::parse(IdleJson(row));
  EXPECT_EQ(json["benchmark"], "idle");
  EXPECT_EQ(json["ranks"], 2);
  EXPECT_EQ(json["cpu_percent_max"], 0.3);
  EXPECT_EQ(json["cpu_percent"][0], 0.04);
  EXPECT_EQ(json["switches_per_s_max"], 6);
}

}  // namespace
}  // namespace ronde::bench
