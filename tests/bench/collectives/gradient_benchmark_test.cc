#include "bench/collectives/gradient_benchmark.h"

#include <cstdio>
#include <fstream>
#include <memory>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "bench/collectives/gradient_report.h"
#include "bench/collectives/session_worlds.h"
#include "tests/support/run_ranks.h"

namespace ronde::bench {
namespace {

BenchOptions SmallModel() {
  const std::string path = testing::TempDir() + "gradient_benchmark_test.txt";
  std::ofstream(path) << "3 70000 1 4097 12";
  BenchOptions options;
  options.iterations = 2;
  options.warmup_iterations = 1;
  options.dtypes = {DataType::kFloat32};
  options.ops = {ReduceOp::kAverage};
  options.gradients.emplace();
  options.gradients->model = path;
  options.gradients->bucket_size_bytes = 16;
  return options;
}

void Measure(int ranks, const BenchOptions& options,
             const std::function<void(const GradientTable&)>& check) {
  SessionWorlds worlds(ranks);
  RunRanksOwning(ranks, [&](std::unique_ptr<Transport> transport) {
    const Config config;
    auto direct = DirectRunner::CreateOn(std::move(transport), config);
    ASSERT_TRUE(direct.ok()) << direct.status().ToString();
    const int rank = direct.value()->rank();
    std::size_t sessions = 0;
    const auto make_session = [&](const Config& of_session) {
      return Session::CreateOn(worlds.Connect(sessions++, rank), of_session);
    };
    int tables = 0;
    const Status status = MeasureGradients(options, config, *direct.value(), make_session,
                                           [&](const GradientTable& table) {
                                             ++tables;
                                             check(table);
                                           });
    EXPECT_TRUE(status.ok()) << status.ToString();
    EXPECT_EQ(tables, static_cast<int>(options.dtypes.size() * options.ops.size()));
  });
}

TEST(Gradients, AreRightInEveryWay) {
  BenchOptions options = SmallModel();
  options.dtypes = {DataType::kFloat32, DataType::kBFloat16};
  options.ops = {ReduceOp::kAverage, ReduceOp::kMax};
  for (const int ranks : {1, 2, 3}) {
    Measure(ranks, options, [&](const GradientTable& table) {
      EXPECT_EQ(table.tensors, 5);
      EXPECT_EQ(table.count, 74113);
      EXPECT_TRUE(table.checked);
      EXPECT_EQ(table.rows.size(), 10u);
      for (const GradientRow& row : table.rows) {
        EXPECT_EQ(row.wrong, 0) << row.way << " " << row.path << " " << row.buffers;
        EXPECT_GT(row.timing.p50_us, 0) << row.way << " " << row.path << " " << row.buffers;
      }
    });
  }
}

TEST(Gradients, CompareFusionThresholds) {
  BenchOptions options = SmallModel();
  options.gradients->fusion_thresholds = {0, 4096, 1 << 20};
  Measure(2, options, [](const GradientTable& table) {
    std::vector<std::int64_t> thresholds;
    for (const GradientRow& row : table.rows) {
      const bool compared = row.way == "tensors" && row.path == "engine";
      if (compared && row.buffers == "private") thresholds.push_back(row.fusion_threshold_bytes);
      EXPECT_EQ(row.wrong, 0) << row.way << " " << row.fusion_threshold_bytes;
    }
    EXPECT_THAT(thresholds, testing::ElementsAre(0, 4096, 1 << 20));
  });
}

GradientTable SomeTable() {
  GradientTable table = {.model = "resnet50", .tensors = 161, .count = 4, .size_bytes = 16};
  table.checked = true;
  table.rows = {{.library = "ronde", .path = "engine", .way = "group", .buffers = "private"},
                {.library = "mpi", .path = "direct", .way = "tensors", .buffers = "private"},
                {.library = "mpi", .path = "direct", .way = "tensors", .buffers = "private"},
                {.library = "gloo", .path = "direct", .way = "tensors", .buffers = "private"}};
  table.rows[0].timing.p50_us = 2000;
  table.rows[0].fusion_threshold_bytes = 1 << 20;
  table.rows[1].timing.p50_us = 6000;
  table.rows[2].timing.p50_us = 5000;
  table.rows[2].op = ReduceOp::kSum;
  table.rows[2].wrong = 7;
  table.rows[3].supported = false;
  return table;
}

TEST(GradientReport, ComparesEveryWayWithThePeers) {
  const std::vector<std::string> lines = GradientJson(SomeTable());
  ASSERT_EQ(lines.size(), 3u);  // not gloo's
  const auto json = nlohmann::json::parse(lines[0]);
  EXPECT_EQ(json["peers"]["mpi"]["ratio"], 3.0);
  EXPECT_EQ(json["peers"]["mpi sum"]["ratio"], 2.5);
  EXPECT_EQ(json["fusion_threshold_bytes"], 1 << 20);
  EXPECT_TRUE(json["bucket_size_bytes"].is_null());
  const std::string text = GradientText(SomeTable(), SmallModel());
  EXPECT_THAT(text, testing::HasSubstr("x mpi sum"));
  EXPECT_THAT(text, testing::ContainsRegex("ronde +engine +group .* 1M .* 2.00 .* 3.00 +2.50\n"));
  EXPECT_THAT(text, testing::ContainsRegex("gloo .*not supported"));
}

TEST(GradientReport, CountsOnlyRondesWrongElements) {
  GradientTable table = SomeTable();
  EXPECT_EQ(WrongOfRonde(table), 0);
  table.rows[0].wrong = 2;
  EXPECT_EQ(WrongOfRonde(table), 2);
}

}  // namespace
}  // namespace ronde::bench
