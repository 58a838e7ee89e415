#include "collectives/tuning_file.h"

#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/text_file.h"
#include "tests/support/temporary_folder.h"

namespace ronde {
namespace {

using testing::HasSubstr;

TuningFile Sample() {
  TuningFile file;
  file.machine = "a \"machine\" with\nodd characters";
  Tuning& entry = file.entries.emplace_back();
  entry.ranks = 4;
  entry.hosts = 2;
  entry.date = "2026-01-02";
  entry.costs.shared_memory = {0.125, 1.0 / 3, 1e-9};
  entry.costs.network = {7, 0, 0};
  entry.costs.one_shot_bytes = 12345;
  entry.costs.streaming_bytes = INT64_MAX;
  entry.allreduce = {{"ring", 0, 99, TunedRule::Buffers::kPrivate},
                     {"push_two_shot", 100, INT64_MAX, TunedRule::Buffers::kRegistered},
                     {"ring"}};
  entry.settings = {.fusion_threshold_bytes = 0,
                    .cycle_time_ms = 0.05,
                    .chunk_bytes = 1 << 20,
                    .hierarchical = false};
  file.entries.push_back({.ranks = 2, .hosts = 1});
  return file;
}

TEST(TuningFile, ComesBackAsItWasWritten) {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/tuning.json";
  ASSERT_TRUE(WriteTuningFile(Sample(), path).ok());
  const auto read = ReadTuningFile(path);
  ASSERT_TRUE(read.ok()) << read.status().message();
  EXPECT_EQ(read.value(), Sample());
}

TEST(TuningFile, FindsOnlyTheEntryOfTheSameRanksAndHosts) {
  TuningFile file = Sample();
  ASSERT_NE(file.Find(4, 2), nullptr);
  EXPECT_EQ(file.Find(4, 1), nullptr);
  file.Put({.ranks = 4, .hosts = 2, .date = "later"});
  EXPECT_EQ(file.entries.size(), 2U);
  EXPECT_EQ(file.Find(4, 2)->date, "later");
  file.Put({.ranks = 8});
  EXPECT_EQ(file.entries.size(), 3U);
}

TEST(TuningFile, WhatAnEntryLeavesOutKeepsItsDefault) {
  const auto file = TuningFromJson(
      R"({"format": 1, "machine": "m", "entries": [{"ranks": 2, "hosts": 1}]})", "it");
  ASSERT_TRUE(file.ok()) << file.status().message();
  EXPECT_EQ(file.value().entries[0].costs, CostModel());
  EXPECT_TRUE(file.value().entries[0].allreduce.empty());
}

TEST(TuningFile, ItsSettingsReplaceDefaultsButNotWhatTheUserSays) {
  Tuning tuning;
  tuning.settings = {.fusion_threshold_bytes = 8 << 20, .cycle_time_ms = 0.05};
  Config config;
  ASSERT_TRUE(config.Set(Setting::kCycleTimeMs, "2", SettingOrigin::kEnvironment).ok());
  const Config tuned = WithTuning(config, &tuning);
  EXPECT_EQ(tuned.GetInteger(Setting::kFusionThresholdBytes), 8 << 20);
  EXPECT_EQ(tuned.GetReal(Setting::kCycleTimeMs), 2);
  EXPECT_EQ(tuned.GetInteger(Setting::kChunkBytes), 256 << 10);
  EXPECT_EQ(WithTuning(config, nullptr).GetInteger(Setting::kFusionThresholdBytes), 1 << 20);
}

TEST(TuningFile, MalformedContentsNameTheFieldAndWhatIsExpected) {
  const auto entry = [](const std::string& inside) {
    return R"({"format": 1, "machine": "m", "entries": [{"ranks": 2, "hosts": 1, )" + inside +
           "}]}";
  };
  const std::pair<std::string, const char*> cases[] = {
      {"", "not JSON"},
      {"[]", "expected a JSON object, got []"},
      {"{}", "format: expected an integer"},
      {R"({"format": 2})", "is of format 2, but this build reads format 1"},
      {R"({"format": "1"})", "format: expected an integer"},
      {R"({"format": 1, "entries": []})", "machine: expected text, got nothing"},
      {R"({"format": 1, "machine": "m"})", "entries: expected a list of objects"},
      {R"({"format": 1, "machine": "m", "entries": [1]})", "entries: expected a list of objects"},
      {R"({"format": 1, "machine": "m", "entries": [], "x": 1})", "x: expected no field"},
      {R"({"format": 1, "machine": "m", "entries": [{"ranks": 0, "hosts": 1}]})",
       "entries[0].ranks: expected an integer from 1"},
      {entry(R"("links": {"local": {"alpha_us": -1, "beta_us": 0, "gamma_us": 0}})"),
       "entries[0].links.local.alpha_us: expected a number from 0"},
      {entry(R"("links": {"local": {"alpha_us": 1}})"), "local.beta_us: expected a number"},
      {entry(R"("links": {"wire": {}})"), "links.wire: expected no field"},
      {entry(R"("links": 3)"), "links: expected an object, got 3"},
      {entry(R"("thresholds": {"one_shot_bytes": 1.5})"), "one_shot_bytes: expected an integer"},
      {entry(R"("thresholds": {"one_shot_bytes": 18446744073709551615})"), "expected an integer"},
      {entry(R"("allreduce": [{"min_bytes": 3}])"), "allreduce[0].algorithm: expected text"},
      {entry(R"("allreduce": [{"algorithm": "a", "min_bytes": 3, "max_bytes": 2}])"),
       "allreduce[0].max_bytes: expected an integer from 3"},
      {entry(R"("allreduce": [{"algorithm": "a", "buffers": "shared"}])"),
       "expected any, private or registered, got \"shared\""},
      {entry(R"("settings": {"fusion_threshold_bytes": -1})"),
       "settings.fusion_threshold_bytes: expected an integer from 0"},
      {entry(R"("settings": {"cycle_time_ms": 1001})"), "cycle_time_ms: expected a number from 0"},
      {entry(R"("settings": {"chunk_bytes": 4095})"), "chunk_bytes: expected an integer from 4096"},
      {entry(R"("settings": {"chunk": 4096})"), "settings.chunk: expected no field"},
      {R"({"format": 1, "machine": "m", "entries": [{"ranks": 2, "hosts": 1},
          {"ranks": 2, "hosts": 1}]})",
       "entries[1].ranks: expected one entry"}};
  for (const auto& [text, expected] : cases) {
    const auto file = TuningFromJson(text, "tuning file 'x'");
    ASSERT_FALSE(file.ok()) << text;
    EXPECT_EQ(file.status().code(), StatusCode::kInvalidArgument);
    EXPECT_THAT(file.status().message(), HasSubstr("tuning file 'x': "));
    EXPECT_THAT(file.status().message(), HasSubstr(expected)) << text;
    EXPECT_EQ(file.status().message().find('\n'), std::string::npos);
  }
}

TEST(TuningFile, DamagedContentsAreRefusedOrReadButNeverCrash) {
  const std::string whole = TuningToJson(Sample());
  std::mt19937 random(7);
  int refused = 0;
  for (int i = 0; i < 3000; ++i) {
    std::string text = whole;
    for (unsigned edits = 1 + random() % 3; edits > 0; --edits) {
      const std::size_t at = random() % text.size();
      switch (random() % 3) {
        case 0:
          text[at] = static_cast<char>(random() % 256);
          break;
        case 1:
          text.erase(at, 1 + random() % 20);
          break;
        default:
          text.insert(at, text.substr(random() % text.size(), random() % 20));
      }
      if (text.empty()) break;
    }
    const auto file = TuningFromJson(text, "f");
    refused += file.ok() ? 0 : 1;
    if (!file.ok()) {
      EXPECT_FALSE(file.status().message().empty());
    }
  }
  EXPECT_GT(refused, 2000);
}

TEST(TuningFile, DeepNestingIsRefused) {
  const auto file = TuningFromJson(std::string(200'000, '['), "f");
  EXPECT_FALSE(file.ok());
}

TEST(TuningFile, AMissingOrHugeFileIsNamed) {
  const TemporaryFolder folder;
  const auto missing = ReadTuningFile(folder.path() + "/none");
  ASSERT_FALSE(missing.ok());
  EXPECT_THAT(missing.status().message(), HasSubstr("/none': No such file"));
  const std::string huge = folder.path() + "/huge";
  ASSERT_TRUE(ReplaceTextFile(huge, std::string(3 << 20, ' ')).ok());
  EXPECT_THAT(ReadTuningFile(huge).status().message(), HasSubstr("over 1 MiB"));
}

}  // namespace
}  // namespace ronde
