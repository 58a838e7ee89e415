#include "core/control/coordinator.h"

#include <gtest/gtest.h>

#include "tests/core/control/manual_clock.h"

namespace ronde {
namespace {

RequestList Requests(std::initializer_list<const char*> names, bool shutdown = false) {
  RequestList list;
  for (const char* name : names) list.requests.emplace_back().name = name;
  list.shutdown = shutdown;
  return list;
}

Config ConfigWith(Setting setting, std::string_view value) {
  Config config;
  EXPECT_TRUE(config.Set(setting, value, SettingOrigin::kProgram).ok());
  return config;
}

TEST(Coordinator, AnswersAtOnceByDefault) {
  ManualClock clock;
  Coordinator coordinator(2, Config(), clock);
  EXPECT_EQ(coordinator.NextWakeNs(), INT64_MAX);
  ASSERT_TRUE(coordinator.Add(0, Requests({"a"})).ok());
  EXPECT_FALSE(coordinator.TakeDue().has_value());
  ASSERT_TRUE(coordinator.Add(1, Requests({"a"})).ok());
  const std::optional<ResponseList> list = coordinator.TakeDue();
  ASSERT_TRUE(list.has_value());
  EXPECT_EQ(list->responses.size(), 1u);
  EXPECT_FALSE(list->shutdown);
  EXPECT_FALSE(coordinator.TakeDue().has_value());
}

TEST(Coordinator, ReadyTensorsWaitForCompanyForTheCycleTime) {
  ManualClock clock;
  Coordinator coordinator(2, ConfigWith(Setting::kCycleTimeMs, "5"), clock);
  ASSERT_TRUE(coordinator.Add(0, Requests({"a", "b"})).ok());
  ASSERT_TRUE(coordinator.Add(1, Requests({"a"})).ok());
  EXPECT_EQ(coordinator.NextWakeNs(), clock.NowNs() + 5'000'000);
  clock.Advance(0.003);
  ASSERT_TRUE(coordinator.Add(1, Requests({"b"})).ok());
  EXPECT_FALSE(coordinator.TakeDue().has_value());
  clock.Advance(0.002);
  const std::optional<ResponseList> list = coordinator.TakeDue();
  ASSERT_TRUE(list.has_value());
  EXPECT_EQ(list->responses.size(), 2u);
}

TEST(Coordinator, OfOneRankHasNoCompanyToWaitFor) {
  const ManualClock clock;
  Coordinator coordinator(1, ConfigWith(Setting::kCycleTimeMs, "5"), clock);
  ASSERT_TRUE(coordinator.Add(0, Requests({"a"})).ok());
  EXPECT_TRUE(coordinator.TakeDue().has_value());
}

TEST(Coordinator, EndsOnceWithTheLastRank) {
  ManualClock clock;
  Coordinator coordinator(2, ConfigWith(Setting::kCycleTimeMs, "1000"), clock);
  ASSERT_TRUE(coordinator.Add(1, Requests({"a"}, true)).ok());
  const std::optional<ResponseList> news =
      coordinator.TakeDue();  // nobody waits for rank 1 any more
  ASSERT_TRUE(news.has_value());
  EXPECT_TRUE(news->responses.empty());
  EXPECT_EQ(news->absent, std::vector<std::int32_t>{1});
  EXPECT_FALSE(news->shutdown);
  EXPECT_FALSE(coordinator.TakeDue().has_value());
  ASSERT_TRUE(coordinator.Add(0, Requests({"a"}, true)).ok());
  const std::optional<ResponseList> list = coordinator.TakeDue();
  ASSERT_TRUE(list.has_value());  // nobody is left to wait for, whatever the cycle time
  EXPECT_EQ(list->responses.size(), 1u);
  EXPECT_TRUE(list->shutdown);
  EXPECT_FALSE(coordinator.TakeDue().has_value());
}

TEST(Coordinator, DismissFailsWhatWaits) {
  ManualClock clock;
  Coordinator coordinator(3, Config(), clock);
  ASSERT_TRUE(coordinator.Add(1, Requests({"a"})).ok());
  const ResponseList list = coordinator.Dismiss(Status::Timeout("rank 0: left"));
  EXPECT_TRUE(list.shutdown);
  ASSERT_EQ(list.responses.size(), 1u);
  EXPECT_EQ(list.responses[0].error, Status::Timeout("rank 0: left"));
  EXPECT_FALSE(coordinator.TakeDue().has_value());
}

TEST(Coordinator, ChecksStallsWhenTheyAreDue) {
  ManualClock clock;
  Coordinator coordinator(2, ConfigWith(Setting::kStallShutdownS, "30"), clock);
  ASSERT_TRUE(coordinator.Add(1, Requests({"w"})).ok());
  EXPECT_EQ(coordinator.NextWakeNs(), clock.NowNs() + 30'000'000'000);
  clock.Advance(29);
  EXPECT_TRUE(coordinator.CheckStalls().ok());
  clock.Advance(1);
  EXPECT_EQ(coordinator.CheckStalls().code(), StatusCode::kAborted);
}

}  // namespace
}  // namespace ronde
