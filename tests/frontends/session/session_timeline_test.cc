#include <cstdint>
#include <filesystem>
#include <latch>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "core/base/path_of_rank.h"
#include "tests/core/observation/trace_file.h"
#include "tests/frontends/session/run_sessions.h"
#include "tests/support/temporary_folder.h"

namespace ronde {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

void AllreduceOnes(Session& session, const std::string& name, int count = 64) {
  std::vector<float> values(static_cast<std::size_t>(count), 1.0F);
  const TensorView view(values.data(), DataType::kFloat32, {count});
  EXPECT_EQ(session.AllreduceAsync(name, view, view).Wait(), Status::Ok());
}

// Whether a track has a span of that name.
bool HasSpan(const json& trace, const std::string& track, const std::string& span) {
  for (const json& event : EventsOn(trace, track)) {
    if (event.contains("name") && event["name"] == span) return true;
  }
  return false;
}

Config WithTimeline(const std::string& path) {
  Config config;
  EXPECT_TRUE(config.Set(Setting::kTimeline, path, SettingOrigin::kProgram).ok());
  EXPECT_TRUE(
      config.Set(Setting::kAllreduceAlgorithm, "recursive_doubling", SettingOrigin::kProgram).ok());
  return config;
}

class SessionTimeline : public ::testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Ranks, SessionTimeline, ::testing::Values(1, 2, 3));

TEST_P(SessionTimeline, EveryRankRecordsItsOwnFileFromTheStart) {
  const TemporaryFolder folder;
  const std::string path = folder.File("t.json");
  RunSessions(
      GetParam(), [](Session& session) { AllreduceOnes(session, "w"); }, WithTimeline(path));
  for (int rank = 0; rank < GetParam(); ++rank) {
    const json trace = ReadTrace(PathOfRank(path, rank));
    EXPECT_EQ(trace["traceEvents"][0]["pid"], rank);
    for (const char* span : {"NEGOTIATE", "QUEUE", "allreduce", "recursive_doubling"}) {
      if (GetParam() == 1 && span == std::string("recursive_doubling")) continue;
      EXPECT_TRUE(HasSpan(trace, "w", span)) << "rank " << rank << " lacks " << span;
    }
  }
}

TEST(SessionTimelineOf2, AGroupIsPackedAndUnpacked) {
  const TemporaryFolder folder;
  const std::string path = folder.File("t.json");
  RunSessions(
      2,
      [](Session& session) {
        std::vector<float> values(200, 1.0F);
        const std::vector<TensorView> views = {
            TensorView(values.data(), DataType::kFloat32, {100}),
            TensorView(values.data() + 100, DataType::kFloat32, {100})};
        EXPECT_EQ(session.GroupedAllreduceAsync("group", views, views).Wait(), Status::Ok());
      },
      WithTimeline(path));
  const json trace = ReadTrace(path);
  for (const char* span : {"PACK", "recursive_doubling", "UNPACK"}) {
    EXPECT_TRUE(HasSpan(trace, "group", span)) << span;
  }
}

TEST(SessionTimelineOf2, StartsAndStopsWhileTheSessionRuns) {
  const TemporaryFolder folder;
  RunSessions(2, [&](Session& session) {
    AllreduceOnes(session, "before");
    for (const char* name : {"a", "b"}) {
      ASSERT_EQ(session.StartTimeline(folder.File(name), true), Status::Ok());
      AllreduceOnes(session, name);
      ASSERT_EQ(session.StopTimeline(), Status::Ok());
    }
    AllreduceOnes(session, "after");
  });
  for (int rank = 0; rank < 2; ++rank) {
    for (const char* name : {"a", "b"}) {
      const json trace = ReadTrace(PathOfRank(folder.File(name), rank));
      EXPECT_TRUE(HasSpan(trace, name, "allreduce"));
      EXPECT_EQ(TrackNamed(trace, "before"), -1);
      EXPECT_EQ(TrackNamed(trace, "after"), -1);
    }
  }
}

TEST(SessionTimelineOf2, AMismatchIsMarkedOnEveryRank) {
  const TemporaryFolder folder;
  const std::string path = folder.File("t.json");
  RunSessions(
      2,
      [](Session& session) {
        std::vector<float> values(8, 1.0F);
        const TensorView view(values.data(), DataType::kFloat32, {4 + session.rank()});
        EXPECT_EQ(session.AllreduceAsync("w", view, view).Wait().code(), StatusCode::kMismatch);
      },
      WithTimeline(path));
  for (int rank = 0; rank < 2; ++rank) {
    const json trace = ReadTrace(PathOfRank(path, rank));
    EXPECT_TRUE(HasSpan(trace, "w", "FAILED")) << "rank " << rank;
    EXPECT_FALSE(HasSpan(trace, "w", "allreduce"));
  }
}

TEST(SessionTimelineOf2, TheJobsFailureIsMarkedOnWhatItEnds) {
  const TemporaryFolder folder;
  const std::string path = folder.File("t.json");
  std::latch submitted(1);
  RunSessions(
      2,
      [&](Session& session) {
        std::vector<float> values(8, 1.0F);
        const TensorView view(values.data(), DataType::kFloat32, {8});
        if (session.rank() == 1) {
          submitted.wait();
          return session.Abort(Status::Aborted("out of \"luck\""));
        }
        const Handle handle = session.AllreduceAsync("w", view, view);
        submitted.count_down();
        EXPECT_FALSE(handle.Wait().ok());
      },
      WithTimeline(path));
  std::vector<std::string> errors;
  for (const json& event : EventsOn(ReadTrace(path), "w")) {
    if (event["ph"] == "i") errors.push_back(event["args"]["error"]);
  }
  EXPECT_THAT(errors, ElementsAre(HasSubstr("out of \"luck\"")));
}

TEST(SessionTimelineOf2, AFileThatOneRankCannotWriteEndsAllAlike) {
  const TemporaryFolder folder;
  const std::string path = folder.File("t.json");
  std::filesystem::create_directory(PathOfRank(path, 1));
  RunRanksOwning(2, [&](std::unique_ptr<Transport> transport) {
    const auto session = Session::CreateOn(std::move(transport), WithTimeline(path));
    ASSERT_FALSE(session.ok());
    EXPECT_EQ(session.status().code(), StatusCode::kInvalidArgument);
    EXPECT_THAT(session.status().message(), HasSubstr("t.rank1.json"));
  });
}

}  // namespace
}  // namespace ronde
