#include <algorithm>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collectives/tuning_file.h"
#include "core/base/strcat.h"
#include "core/base/text_file.h"
#include "tests/frontends/session/run_sessions.h"
#include "tests/support/temporary_folder.h"

namespace ronde {
namespace {

using testing::HasSubstr;

Config With(const std::vector<std::pair<Setting, std::string>>& settings) {
  Config config;
  for (const auto& [setting, value] : settings) {
    EXPECT_TRUE(config.Set(setting, value, SettingOrigin::kFlag).ok());
  }
  return config;
}

// One step of a training that sums tensors of several sizes; checks the sums.
void RunStep(Session& session, int step) {
  constexpr std::size_t kCounts[] = {100, 5000, 20'000, 7, 70'000};
  std::vector<std::vector<float>> values;
  std::vector<Handle> handles;
  for (const std::size_t count : kCounts) {
    values.emplace_back(count, static_cast<float>(session.rank() + step % 7));
    std::vector<float>& tensor = values.back();
    const TensorView view(tensor.data(), DataType::kFloat32,
                          {static_cast<std::int64_t>(tensor.size())});
    handles.push_back(session.AllreduceAsync(StrCat("gradient.", values.size()), view, view,
                                             {.op = ReduceOp::kSum}));
  }
  const auto n = static_cast<float>(session.size());
  const float sum = n * (n - 1) / 2 + n * static_cast<float>(step % 7);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const Status status = handles[i].Wait();
    ASSERT_TRUE(status.ok()) << status.message();
    ASSERT_EQ(values[i], std::vector<float>(values[i].size(), sum)) << "step " << step;
  }
}

// Steps until rank 0 has found an end, which all ranks learn of in the same step.
void RunUntil(Session& session, const std::function<bool()>& at_end) {
  constexpr int kMostSteps = 100'000;
  for (int step = 0; step < kMostSteps; ++step) {
    ASSERT_NO_FATAL_FAILURE(RunStep(session, step));
    if (step % 100 != 0) continue;
    float ends = session.rank() == 0 && at_end() ? 1 : 0;
    const TensorView view(&ends, DataType::kFloat32, {1});
    ASSERT_TRUE(session.AllreduceAsync("end", view, view, {.op = ReduceOp::kSum}).Wait().ok());
    if (ends > 0) return;
  }
  FAIL() << "the search has not ended after " << kMostSteps << " steps";
}

TEST(SessionAutotune, AJobTunesItselfWhileItsSumsStayRightAndSavesWhatItFound) {
  const TemporaryFolder folder;
  const std::string path = folder.File("tuned.json");
  // What remains has seven levels, so that the test does not take long.
  const Config config = With({{Setting::kAutotune, "on"},
                              {Setting::kAutotuneFile, path},
                              {Setting::kAutotuneLog, folder.File("points.csv")},
                              {Setting::kChunkBytes, "128K"},
                              {Setting::kCycleTimeMs, "0"},
                              {Setting::kFusionThresholdBytes, "1M"}});
  RunSessions(
      3,
      [&](Session& session) {
        RunUntil(session, [&] { return !ReadTuningFile(path).value().entries.empty(); });
      },
      config);
  const std::string log = ReadTextFile(folder.File("points.csv")).value();
  EXPECT_THAT(log, HasSubstr("\n0,default,1048576,0,131072,"));
  EXPECT_THAT(log, HasSubstr(",sample,1048576,0,131072,"));
  EXPECT_THAT(log, HasSubstr(",1048576,0,131072,4096,1,"));
  EXPECT_THAT(log, HasSubstr(",1048576,0,131072,262144,1,"));
  const TuningFile file = ReadTuningFile(path).value();
  ASSERT_NE(file.Find(3, 1), nullptr);
  EXPECT_EQ(file.Find(3, 1)->settings.fusion_threshold_bytes, 1 << 20);
  EXPECT_EQ(file.Find(3, 1)->settings.chunk_bytes, 128 << 10);
}

TEST(SessionAutotune, OneRankAloneHasNothingToTune) {
  const TemporaryFolder folder;
  RunSessions(
      1,
      [](Session& session) {
        for (int step = 0; step < 10; ++step) RunStep(session, step);
      },
      With({{Setting::kAutotune, "on"}}));
}

TEST(SessionAutotune, ABadPathIsOneErrorOfAllRanks) {
  RunRanksOwning(3, [](std::unique_ptr<Transport> transport) {
    const Config config =
        With({{Setting::kAutotune, "on"}, {Setting::kAutotuneLog, "/nowhere/at/all/points.csv"}});
    const auto session = Session::CreateOn(std::move(transport), config);
    ASSERT_FALSE(session.ok());
    EXPECT_EQ(ExitCodeFor(session.status()), 2);
    EXPECT_THAT(session.status().message(),
                HasSubstr("--autotune-log: cannot write '/nowhere/at/all/points.csv'"));
  });
}

}  // namespace
}  // namespace ronde
