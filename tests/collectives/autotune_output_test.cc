#include "collectives/autotune_output.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/text_file.h"
#include "tests/support/run_ranks.h"
#include "tests/support/temporary_folder.h"

namespace ronde {
namespace {

using testing::HasSubstr;

Config With(const std::string& autotune, const std::string& file, const std::string& log) {
  Config config;
  const auto set = [&config](Setting setting, const std::string& value) {
    EXPECT_TRUE(config.Set(setting, value, SettingOrigin::kFlag).ok());
  };
  set(Setting::kAutotune, autotune);
  set(Setting::kAutotuneFile, file);
  set(Setting::kAutotuneLog, log);
  return config;
}

constexpr Tunables kTuned = {.fusion_threshold_bytes = 8 << 20,
                             .cycle_time_ms = 0.05,
                             .chunk_bytes = 1 << 20,
                             .one_shot_bytes = 65536};

// Runs `body` on rank 0 of two.
void OnRankZero(const Config& config, const std::function<void(AutotuneOutput&)>& body) {
  RunRanks(2, [&](Transport& transport) {
    auto context = CollectiveContext::Create(transport, config);
    ASSERT_TRUE(context.ok()) << context.status().message();
    if (transport.rank() != 0) return;
    auto output = AutotuneOutput::Create(config, *context.value());
    ASSERT_TRUE(output.ok()) << output.status().message();
    body(*output.value());
  });
}

TEST(AutotuneOutput, WritesEachPointAsALineOfCsvAtOnce) {
  const TemporaryFolder folder;
  OnRankZero(With("on", "", folder.File("log.csv")), [&](AutotuneOutput& output) {
    output.OnPoint({.number = 7,
                    .kind = AutotunePoint::Kind::kBayes,
                    .tunables = kTuned,
                    .score_mb_per_s = 1234.56,
                    .elapsed_s = 2.5});
    EXPECT_EQ(ReadTextFile(folder.File("log.csv")).value(),
              "point,kind,fusion_threshold_bytes,cycle_time_ms,chunk_bytes,one_shot_bytes,"
              "hierarchical,score_mb_per_s,elapsed_s\n"
              "7,bayes,8388608,0.05,1048576,65536,1,1234.6,2.500\n");
  });
}

TEST(AutotuneOutput, AJobThatReadsTheFileRunsWithWhatWasFound) {
  const TemporaryFolder folder;
  const std::string path = folder.File("tuned.json");
  OnRankZero(With("on", path, ""), [](AutotuneOutput& output) {
    output.OnFinished({.tunables = kTuned, .improved = true, .best = kTuned});
  });
  Config config;
  ASSERT_TRUE(config.Set(Setting::kTuningFile, path, SettingOrigin::kFlag).ok());
  RunRanks(2, [&](Transport& transport) {
    auto context = CollectiveContext::Create(transport, config);
    ASSERT_TRUE(context.ok()) << context.status().message();
    EXPECT_EQ(context.value()->chunk_bytes(), 1U << 20);
    EXPECT_EQ(context.value()->costs().one_shot_bytes, 65536);
    const Config tuned = WithTuning(config, context.value()->tuning());
    EXPECT_EQ(tuned.GetInteger(Setting::kFusionThresholdBytes), 8 << 20);
    EXPECT_EQ(tuned.GetReal(Setting::kCycleTimeMs), 0.05);
  });
}

TEST(AutotuneOutput, KeepsTheFilesOtherEntries) {
  const TemporaryFolder folder;
  const std::string path = folder.File("tuned.json");
  const Config config = With("on", path, "");
  OnRankZero(config, [](AutotuneOutput& output) { output.OnFinished({.tunables = kTuned}); });
  TuningFile file = ReadTuningFile(path).value();
  file.Put({.ranks = 7});
  ASSERT_TRUE(WriteTuningFile(file, path).ok());
  OnRankZero(config, [](AutotuneOutput& output) { output.OnFinished({.tunables = kTuned}); });
  file = ReadTuningFile(path).value();
  EXPECT_EQ(file.entries.size(), 2U);
  EXPECT_NE(file.Find(7, 1), nullptr);
  ASSERT_NE(file.Find(2, 1), nullptr);
  EXPECT_EQ(file.Find(2, 1)->settings.fusion_threshold_bytes, 8 << 20);
}

TEST(AutotuneOutput, WhatCannotWorkIsTheSameErrorOnAllRanksBeforeTheSearch) {
  const TemporaryFolder folder;
  ASSERT_TRUE(ReplaceTextFile(folder.File("notes.txt"), "buy milk").ok());
  const std::string nowhere = folder.File("missing/x");
  const std::pair<Config, std::string> cases[] = {
      {With("on", nowhere, ""), "--autotune-file: cannot write '" + nowhere},
      {With("on", "", nowhere), "--autotune-log: cannot write '" + nowhere + "': No such file"},
      {With("on", folder.File("notes.txt"), ""), "--autotune-file will not overwrite what it"},
      {With("off", folder.File("new.json"), ""), "has no meaning without --autotune on"},
      {With("off", "", folder.File("log.csv")), "--autotune-log '" + folder.File("log.csv")}};
  for (const auto& [config, expected] : cases) {
    RunRanks(3, [&, config = config, expected = expected](Transport& transport) {
      const auto context = CollectiveContext::Create(transport, config);
      ASSERT_FALSE(context.ok());
      EXPECT_EQ(context.status().code(), StatusCode::kInvalidArgument);
      EXPECT_THAT(context.status().message(), HasSubstr(expected));
    });
  }
  EXPECT_EQ(ReadTextFile(folder.File("notes.txt")).value(), "buy milk");
}

}  // namespace
}  // namespace ronde
