#include "bench/collectives/gradient_negotiation.h"

#include <functional>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "bench/collectives/gradient_negotiation_report.h"
#include "bench/collectives/session_worlds.h"
#include "tests/support/run_ranks.h"

namespace ronde::bench {
namespace {

BenchOptions Small(const char* model) {
  BenchOptions options;
  options.iterations = 4;
  options.warmup_iterations = 1;
  options.dtypes = {DataType::kFloat32};
  options.ops = {ReduceOp::kAverage};
  options.gradients.emplace();
  options.gradients->model = model;
  options.gradients->negotiation = true;
  return options;
}

std::vector<NegotiationTable> Measure(int ranks, const BenchOptions& options) {
  SessionWorlds worlds(ranks);
  std::vector<NegotiationTable> tables;
  RunRanksOwning(ranks, [&](std::unique_ptr<Transport> transport) {
    const Config config;
    auto direct = DirectRunner::CreateOn(std::move(transport), config);
    ASSERT_TRUE(direct.ok()) << direct.status().ToString();
    const int rank = direct.value()->rank();
    std::size_t sessions = 0;
    const Status status = MeasureNegotiation(
        options, config, *direct.value(),
        [&](const Config& of_session) {
          return Session::CreateOn(worlds.Connect(sessions++, rank), of_session);
        },
        [&](const NegotiationTable& table) {
          if (rank == 0) tables.push_back(table);
        });
    EXPECT_TRUE(status.ok()) << status.ToString();
  });
  return tables;
}

TEST(Negotiation, ReducesRightlyInEveryWay) {
  BenchOptions options = Small("6x3000");
  options.dtypes = {DataType::kFloat32, DataType::kBFloat16};
  for (const int ranks : {1, 2, 3}) {
    const std::vector<NegotiationTable> tables = Measure(ranks, options);
    ASSERT_EQ(tables.size(), 2u);
    EXPECT_EQ(tables[0].tensors, 6);
    EXPECT_EQ(tables[0].size_bytes, 6 * 3000 * 4);
    for (const NegotiationTable& table : tables) {
      ASSERT_EQ(table.rows.size(), 10u);  // five ways in two memories
      EXPECT_EQ(WrongElements(table), 0);
      for (const NegotiationRow& row : table.rows) {
        EXPECT_GT(row.timing.p50_us, 0) << row.way;
        EXPECT_GT(row.ratio_to_flat, 0) << row.way;
        EXPECT_EQ(row.mode.has_value(), row.way == "engine");
      }
    }
  }
}

TEST(Negotiation, IsRightAlsoWhereATensorIsABatchOfItsOwn) {
  const std::vector<NegotiationTable> tables = Measure(2, Small("2x600K"));
  ASSERT_EQ(tables.size(), 1u);
  EXPECT_EQ(WrongElements(tables[0]), 0);
}

TEST(NegotiationReport, HasNegotiationOnlyWhereThereIsAnEngine) {
  NegotiationTable table = {.model = "resnet50", .tensors = 161, .size_bytes = 16};
  table.rows.resize(2);
  table.rows[0].way = "bare";
  table.rows[1].way = "engine";
  table.rows[1].mode = ControlMode::kLocked;
  table.rows[1].negotiation_us = 12.5;
  table.rows[1].ratio_to_flat = 1.02;
  const std::vector<std::string> lines = NegotiationJson(table);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_TRUE(nlohmann::json::parse(lines[0])["negotiation_us"].is_null());
  EXPECT_TRUE(nlohmann::json::parse(lines[0])["mode"].is_null());
  const auto json = nlohmann::json::parse(lines[1]);
  EXPECT_EQ(json["mode"], "locked");
  EXPECT_EQ(json["negotiation_us"], 12.5);
  EXPECT_EQ(json["ratio_to_flat"], 1.02);
  EXPECT_THAT(NegotiationText(table, Small("resnet50")),
              testing::ContainsRegex("engine +locked .* 12.5 +1.020"));
}

}  // namespace
}  // namespace ronde::bench
