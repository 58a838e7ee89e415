#include "bench/collectives/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace ronde::bench {
namespace {

Row SomeRow() {
  Row row;
  row.collective = "allreduce";
  row.path = "direct";
  row.algorithm = "ring";
  row.size_bytes = 4096;
  row.count = 1024;
  row.ranks = 2;
  row.timing[0] = {2.0, 1.5, 9.0};
  row.timing[1] = {1.0, 1.0, 1.0};
  row.checked = true;
  row.peers.push_back({"mpi", true, {{4, 4, 4}, {3, 3, 3}}});
  row.peers.push_back({"other", false, {}});
  return row;
}

TEST(JsonLine, HoldsTheContractsKeys) {
  const auto json = nlohmann::json::parse(JsonLine(SomeRow()));
  for (const char* key :
       {"collective", "size_bytes", "count", "dtype", "op", "buffers", "path", "algorithm",
        "time_us", "p50_us", "p99_us", "algbw_gbs", "busbw_gbs", "wrong", "peers"}) {
    EXPECT_TRUE(json.contains(key)) << key;
  }
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

TEST(TableLine, IsAsWideAsItsHeading) {
  BenchOptions options;
  options.peers = {"mpi", "other"};
  const std::string heading = TableHeading(options, 2);
  const std::string units = heading.substr(heading.rfind('\n') + 1);
  EXPECT_EQ(TableLine(SomeRow()).size(), units.size());
}

}  // namespace
}  // namespace ronde::bench
