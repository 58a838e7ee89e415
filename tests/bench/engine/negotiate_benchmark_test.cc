#include "bench/engine/negotiate_benchmark.h"

#include <cmath>
#include <memory>
#include <mutex>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "bench/engine/control_cycles.h"
#include "bench/engine/negotiate_report.h"
#include "tests/support/run_ranks.h"

namespace ronde::bench {
namespace {

std::vector<NegotiateRow> Negotiate(const NegotiateOptions& options) {
  std::vector<NegotiateRow> rows;
  const Status status = NegotiateInProcess(
      options, Config(), [&rows](const NegotiateRow& row) { rows.push_back(row); });
  EXPECT_TRUE(status.ok()) << status.ToString();
  return rows;
}

TEST(Negotiate, MeasuresEveryNumberOfTensorsOnEveryNumberOfRanks) {
  NegotiateOptions options = {.tensors = {1, 5}, .ranks = {2, 3}};
  options.cycles = 4;
  options.warmup_cycles = 1;
  for (const SubmitOrder order : {SubmitOrder::kSame, SubmitOrder::kByRank, SubmitOrder::kRandom}) {
    options.order = order;
    const std::vector<NegotiateRow> rows = Negotiate(options);
    ASSERT_EQ(rows.size(), 4u);
    EXPECT_EQ(rows[1].tensors, 5);
    EXPECT_EQ(rows[2].ranks, 3);
    for (const NegotiateRow& row : rows) {
      ASSERT_EQ(row.figures.size(), 3u);
      EXPECT_EQ(row.order, order);
      for (const NegotiateFigures& figures : row.figures) {
        EXPECT_GT(figures.timing.p50_us, 0);
        EXPECT_GT(figures.submit_us, 0);
        EXPECT_GE(figures.messages_most, figures.messages_mean);
      }
      const NegotiateFigures& uncached = row.figures[0];
      EXPECT_GE(uncached.messages_mean, 0.9) << "nobody can agree without a word";
      EXPECT_GT(uncached.bytes_most, 0);
    }
  }
}

TEST(Negotiate, MovesNoDataAndCountsEveryRanksMessages) {
  RunRanksOwning(2, [](std::unique_ptr<Transport> transport) {
    const CyclePlan plan = {.tensors = 3, .warmup_cycles = 2, .cycles = 5};
    const Config uncached = WithMode(Config(), ControlMode::kUncached).value();
    const auto cycles = RunControlCycles(std::move(transport), uncached, plan);
    ASSERT_TRUE(cycles.ok()) << cycles.status().ToString();
    EXPECT_EQ(cycles.value().begin_ns.size(), 5u);
    EXPECT_EQ(cycles.value().sent.sends, 0u);
    for (std::size_t i = 0; i < 5; ++i) {
      EXPECT_LE(cycles.value().begin_ns[i], cycles.value().submitted_ns[i]);
      EXPECT_LE(cycles.value().submitted_ns[i], cycles.value().end_ns[i]);
    }
  });
}

// From 8 to 64 ranks a tree gets twice as deep; what a rank sends may grow by so much and no more.
TEST(Negotiate, CachedMessagesGrowWithTheLogarithmOfTheRanks) {
  NegotiateOptions options = {.tensors = {1}, .ranks = {8, 64}};
  options.modes = {ControlMode::kCached};
  // Engines lag behind their callers: a cycle's messages may fall behind the last cycle, and those
  // of one before the first into it. Among so many cycles they hardly count.
  options.cycles = 60;
  options.warmup_cycles = 1;
  const std::vector<NegotiateRow> rows = Negotiate(options);
  ASSERT_EQ(rows.size(), 2u);
  const double growth = std::log2(64) / std::log2(8);
  const double few = rows[0].figures[0].messages_most;
  const double many = rows[1].figures[0].messages_most;
  EXPECT_LE(many, growth * few + 2) << few << " messages a cycle on 8 ranks";
  EXPECT_LE(many, 2 * std::log2(64)) << "more than a broadcast and a reduction take";
}

NegotiateRow SomeRow() {
  NegotiateRow row;
  row.transport = "in_process";
  row.ranks = 8;
  row.tensors = 161;
  row.cycles = 20;
  row.figures.resize(2);
  row.figures[0].timing.p50_us = 430.5;
  row.figures[0].messages_most = 7;
  row.figures[1].mode = ControlMode::kCached;
  row.figures[1].timing.p50_us = 90;
  row.figures[1].messages_most = 3;
  row.figures[1].messages_mean = 1.75;
  return row;
}

TEST(NegotiateReport, HasALineOfEveryMode) {
  const NegotiateOptions options;
  EXPECT_THAT(NegotiateHeading(options, 1), testing::HasSubstr("ranks as threads, order by-rank"));
  EXPECT_THAT(NegotiateHeading(options, 2), testing::HasSubstr("2 processes"));
  EXPECT_THAT(NegotiateLine(SomeRow()),
              testing::ContainsRegex("^ +8 +161 +430.5 .* 7.00 .* 90.0 .* 3.00 +1.75$"));
  const std::vector<std::string> lines = NegotiateJson(SomeRow());
  ASSERT_EQ(lines.size(), 2u);
  const auto json = nlohmann::json::parse(lines[1]);
  EXPECT_EQ(json["benchmark"], "negotiate");
  EXPECT_EQ(json["transport"], "in_process");
  EXPECT_EQ(json["mode"], "cached");
  EXPECT_EQ(json["messages_max"], 3);
  EXPECT_EQ(json["messages_mean"], 1.75);
  EXPECT_EQ(json["p50_us"], 90);
}

TEST(NegotiateReport, SaysWhereRanksShareCores) {
  EXPECT_EQ(NegotiateFootnote(0), "#");
  EXPECT_THAT(NegotiateFootnote(100000), testing::HasSubstr("200000 threads"));
}

}  // namespace
}  // namespace ronde::bench
