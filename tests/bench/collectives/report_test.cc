#include "bench/collectives/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace ronde::bench {
namespace {

Row SomeRow() {
  Row row;
  row.path = "direct";
  row.algorithm = "ring";
  row.size_bytes = 4096;
  row.count = 1024;
  row.ranks = 2;
  row.timing[0] = {2.0, 1.5, 9.0};
  row.timing[1] = {1.0, 1.0, 1.0};
  row.checked = true;
  row.peers.push_back({"mpi", true, {{4, 4, 4}, {3, 3, 3}}, {0, 0}, "mpi"});
  row.peers.push_back({"other", false, {}, {}, ""});
  return row;
}

TEST(JsonLine, HoldsTheContractsKeys) {
  const auto json = nlohmann::json::parse(JsonLine(SomeRow()));
  for (const char* key :
       {"collective", "size_bytes", "count",   "dtype",    "op",        "buffers",   "path",
        "algorithm",  "time_us",    "p50_us",  "p99_us",   "algbw_gbs", "busbw_gbs", "wrong",
        "peers",      "cache",      "consume", "in_place", "ranks",     "root",      "device"}) {
    EXPECT_TRUE(json.contains(key)) << key;
  }
  EXPECT_EQ(json["device"], "cpu");
  EXPECT_EQ(json["dtype"], "float32");
  EXPECT_EQ(json["wrong"], 0);
  EXPECT_EQ(json["peers"]["mpi"]["time_us"], 4.0);
  EXPECT_EQ(json["in_place"]["time_us"], 1.0);
}

TEST(JsonLine, LeavesOutPeersThatCannotRunTheRow) {
  EXPECT_FALSE(nlohmann::json::parse(JsonLine(SomeRow()))["peers"].contains("other"));
}

TEST(JsonLine, SaysNullWhereNothingWasChecked) {
  Row row = SomeRow();
  row.checked = false;
  EXPECT_TRUE(nlohmann::json::parse(JsonLine(row))["wrong"].is_null());
}

TEST(JsonLine, SaysNullWhereTheCollectiveHasNoSuchThing) {
  Row row = SomeRow();
  EXPECT_TRUE(nlohmann::json::parse(JsonLine(row))["root"].is_null());
  row.collective = Collective::kAlltoall;
  const auto json = nlohmann::json::parse(JsonLine(row));
  EXPECT_TRUE(json["in_place"].is_null());
  EXPECT_TRUE(json["peers"]["mpi"]["in_place"].is_null());
  EXPECT_EQ(json["op"], "none");
}

Row RowWithBound() {
  Row row = SomeRow();
  row.bound.emplace();
  row.bound->timing[0].p50_us = 1.2;
  row.bound->timing[1].p50_us = 0.9;
  row.bound->percent[0] = 80;
  row.bound->percent[1] = 90;
  row.bound->read.p50_us = 0.5;
  row.bound->kernel = "copy avx2 x2";
  return row;
}

TEST(JsonLine, HoldsWhatMemoryCanDoWhereThatWasMeasured) {
  EXPECT_FALSE(nlohmann::json::parse(JsonLine(SomeRow())).contains("bound_us"));
  const auto json = nlohmann::json::parse(JsonLine(RowWithBound()));
  EXPECT_EQ(json["bound_us"], 1.2);
  EXPECT_EQ(json["bound_percent"], 80.0);
  EXPECT_EQ(json["in_place"]["bound_us"], 0.9);
  EXPECT_EQ(json["in_place"]["bound_percent"], 90.0);
  // Two ranks read 4096 bytes each and write as many.
  EXPECT_NEAR(json["memory"]["copy_gbs"].get<double>(), 4 * 4.096 / 1.2, 1e-9);
  EXPECT_NEAR(json["memory"]["read_modify_write_gbs"].get<double>(), 4 * 4.096 / 0.9, 1e-9);
  EXPECT_NEAR(json["memory"]["read_gbs"].get<double>(), 2 * 4.096 / 0.5, 1e-9);
  EXPECT_EQ(json["memory"]["kernel"], "copy avx2 x2");
}

TEST(TableLine, IsAsWideAsItsHeadingWithBounds) {
  for (const Style style : {Style::kNccl, Style::kOsu}) {
    BenchOptions options;
    options.peers = {"mpi", "other"};
    options.style = style;
    options.bounds = true;
    const std::string heading = TableHeading(options, 2);
    EXPECT_EQ(TableLine(options, RowWithBound()).size(),
              heading.substr(heading.rfind('\n') + 1).size());
  }
}

TEST(TableLine, IsAsWideAsItsHeading) {
  for (const Style style : {Style::kNccl, Style::kOsu}) {
    for (const Collective collective : {Collective::kAllreduce, Collective::kAlltoall}) {
      BenchOptions options;
      options.peers = {"mpi", "other"};
      options.style = style;
      options.collective = collective;
      const std::string heading = TableHeading(options, 2);
      const std::string last = heading.substr(heading.rfind('\n') + 1);
      Row row = SomeRow();
      row.collective = collective;
      EXPECT_EQ(TableLine(options, row).size(), last.size());
    }
  }
}

TEST(TableLine, OsuStyleHasTheRanksOwnMeans) {
  BenchOptions options;
  options.style = Style::kOsu;
  Row row = SomeRow();
  row.samples = 20;
  row.timing[0].rank_average_us = 7.25;
  row.timing[0].rank_least_us = 6.5;
  row.timing[0].rank_most_us = 8;
  const std::string line = TableLine(options, row);
  EXPECT_THAT(line, testing::ContainsRegex("^4096 +7.25 +6.50 +8.00 +200 "));
}

TEST(Footer, CountsWrongElementsAndAveragesBusBandwidth) {
  Footer footer;
  footer.Add(SomeRow());  // 4096 bytes in 2 and 1 us: 2.048 and 4.096 GB/s at 2 ranks
  EXPECT_THAT(footer.Text(), testing::HasSubstr("# Out of bounds values : 0 OK\n"));
  EXPECT_THAT(footer.Text(), testing::HasSubstr("# Avg bus bandwidth    : 3.072\n"));
  Row wrong = SomeRow();
  wrong.wrong[1] = 2;
  wrong.peers[0].wrong[0] = 5;
  footer.Add(wrong);
  EXPECT_EQ(footer.wrong(), 2);
  EXPECT_EQ(footer.peers_wrong(), 5);
  EXPECT_THAT(footer.Text(), testing::HasSubstr("# Out of bounds values : 2 FAILED\n"));
}

}  // namespace
}  // namespace ronde::bench
