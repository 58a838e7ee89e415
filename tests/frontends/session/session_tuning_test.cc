#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collectives/tuning_file.h"
#include "core/base/text_file.h"
#include "tests/frontends/session/run_sessions.h"
#include "tests/support/temporary_folder.h"

namespace ronde {
namespace {

using testing::HasSubstr;

Config WithTuning(const std::string& path) {
  Config config;
  EXPECT_TRUE(config.Set(Setting::kTuningFile, path, SettingOrigin::kFlag).ok());
  return config;
}

// One session a rank, each with its own tuning file; what creating them came to.
std::vector<Status> Outcomes(const std::vector<std::string>& paths) {
  std::vector<Status> outcomes(paths.size());
  RunRanksOwning(static_cast<int>(paths.size()), [&](std::unique_ptr<Transport> transport) {
    const auto rank = static_cast<std::size_t>(transport->rank());
    const auto session = Session::CreateOn(std::move(transport), WithTuning(paths[rank]));
    outcomes[rank] = session.status();
    if (!session.ok()) return;
    float value = 1;
    const TensorView view(&value, DataType::kFloat32, {1});
    const Status summed =
        session.value()->AllreduceAsync("x", view, view, {.op = ReduceOp::kSum}).Wait();
    EXPECT_TRUE(summed.ok()) << summed.message();
    EXPECT_EQ(value, static_cast<float>(paths.size()));
  });
  return outcomes;
}

TEST(SessionTuning, RanksWithOtherFilesOrNoneUseRankZeros) {
  const TemporaryFolder folder;
  TuningFile mine = {.machine = "m", .entries = {{.ranks = 3}}};
  mine.entries[0].allreduce = {{"ring"}};
  TuningFile other = mine;
  other.entries[0].allreduce = {{"recursive_doubling"}};
  ASSERT_TRUE(WriteTuningFile(mine, folder.File("mine")).ok());
  ASSERT_TRUE(WriteTuningFile(other, folder.File("other")).ok());
  for (const Status& status : Outcomes({folder.File("mine"), folder.File("other"), ""})) {
    EXPECT_TRUE(status.ok()) << status.message();
  }
}

TEST(SessionTuning, ABadFileIsOneErrorOfAllRanks) {
  const TemporaryFolder folder;
  ASSERT_TRUE(ReplaceTextFile(folder.File("later"), R"({"format": 7})").ok());
  for (const Status& status : Outcomes({folder.File("later"), "", ""})) {
    EXPECT_EQ(ExitCodeFor(status), 2);
    EXPECT_THAT(status.message(), HasSubstr("format 7"));
  }
  TuningFile unknown = {.machine = "m", .entries = {{.ranks = 2}}};
  unknown.entries[0].allreduce = {{"warp"}};
  ASSERT_TRUE(WriteTuningFile(unknown, folder.File("unknown")).ok());
  for (const Status& status : Outcomes({folder.File("unknown"), ""})) {
    EXPECT_EQ(ExitCodeFor(status), 2);
    EXPECT_THAT(status.message(), HasSubstr("'warp'"));
  }
}

TEST(SessionTuning, RunsWithTheSettingsOfTheFile) {
  const TemporaryFolder folder;
  TuningFile file = {.machine = "m", .entries = {{.ranks = 2}}};
  file.entries[0].settings = {.fusion_threshold_bytes = 12345, .cycle_time_ms = 0.5};
  ASSERT_TRUE(WriteTuningFile(file, folder.File("tuned")).ok());
  RunRanksOwning(2, [&](std::unique_ptr<Transport> transport) {
    const std::string path = transport->rank() == 0 ? folder.File("tuned") : "";
    const auto session = Session::CreateOn(std::move(transport), WithTuning(path));
    ASSERT_TRUE(session.ok()) << session.status().message();
    const Config& config = session.value()->config();
    EXPECT_EQ(config.GetInteger(Setting::kFusionThresholdBytes), 12345);
    EXPECT_EQ(config.GetReal(Setting::kCycleTimeMs), 0.5);
  });
}

TEST(SessionTuning, EveryWayOfWaitingFinishes) {
  for (const char* wait : {"auto", "spin", "block"}) {
    Config config;
    ASSERT_TRUE(config.Set(Setting::kWait, wait, SettingOrigin::kFlag).ok());
    RunSessions(
        3,
        [](Session& session) {
          std::vector<float> values(100, 1);
          const TensorView view(values.data(), DataType::kFloat32, {100});
          for (int i = 0; i < 5; ++i) {
            const Status status =
                session.AllreduceAsync("x", view, view, {.op = ReduceOp::kAverage}).Wait();
            ASSERT_TRUE(status.ok()) << status.message();
          }
          EXPECT_EQ(values[99], 1);
        },
        config);
  }
}

}  // namespace
}  // namespace ronde
