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

RequestList Slots(std::vector<std::uint32_t> complete, int last_rank, std::uint64_t as_of) {
  RequestList list;
  list.complete = std::move(complete);
  list.last_rank = last_rank;
  list.as_of = as_of;
  return list;
}

/// A coordinator whose ranks all have "w" in this slot.
std::uint32_t CacheW(Coordinator& coordinator, int size, std::uint64_t& as_of) {
  for (int rank = 0; rank < size; ++rank) EXPECT_TRUE(coordinator.Add(rank, Requests({"w"})).ok());
  const std::optional<ResponseList> list = coordinator.TakeDue();
  EXPECT_TRUE(list.has_value());
  as_of = list->number;
  return static_cast<std::uint32_t>(list->responses.at(0).slot);
}

TEST(Coordinator, WhatAChildSaysIsCompleteIsSoForAllBelowIt) {
  const ManualClock clock;
  Coordinator coordinator(6, ConfigWith(Setting::kLockAfter, "0"), clock);
  std::uint64_t as_of = 0;
  const std::uint32_t slot = CacheW(coordinator, 6, as_of);
  RequestList own;
  own.partial = {{0, {slot}}};
  own.as_of = as_of;
  ASSERT_TRUE(coordinator.Add(0, own).ok());
  ASSERT_TRUE(coordinator.Add(2, Slots({slot}, 5, as_of)).ok());  // 2 and 5
  EXPECT_FALSE(coordinator.TakeDue().has_value());
  ASSERT_TRUE(coordinator.Add(1, Slots({slot}, 4, as_of)).ok());  // 1, 3 and 4
  const std::optional<ResponseList> list = coordinator.TakeDue();
  ASSERT_TRUE(list.has_value());
  EXPECT_EQ(list->cached, std::vector<std::uint32_t>{slot});
  EXPECT_TRUE(list->responses.empty());
}

TEST(Coordinator, PartialNewsNamesWhoIsMissing) {
  ManualClock clock;
  Coordinator coordinator(6, ConfigWith(Setting::kStallShutdownS, "1"), clock);
  std::uint64_t as_of = 0;
  const std::uint32_t slot = CacheW(coordinator, 6, as_of);
  RequestList below;
  below.partial = {{1, {slot}}, {3, {slot}}};
  below.as_of = as_of;
  ASSERT_TRUE(coordinator.Add(1, below).ok());
  ASSERT_TRUE(coordinator.Add(2, Slots({slot}, 5, as_of)).ok());
  clock.Advance(1.5);
  const std::string message = coordinator.CheckStalls().message();
  EXPECT_NE(message.find("submitted by ranks 1-3, 5"), std::string::npos) << message;
  EXPECT_NE(message.find("not by ranks 0, 4"), std::string::npos) << message;
}

TEST(Coordinator, WhatARankSaysOfItsSlotsCountsBeforeItLeaves) {
  const ManualClock clock;
  Coordinator coordinator(2, ConfigWith(Setting::kLockAfter, "0"), clock);
  std::uint64_t as_of = 0;
  const std::uint32_t slot = CacheW(coordinator, 2, as_of);
  RequestList last;
  last.partial = {{1, {slot}}};
  last.shutdown = true;
  last.as_of = as_of;
  ASSERT_TRUE(coordinator.Add(1, last).ok());
  (void)coordinator.TakeDue();
  RequestList own;
  own.partial = {{0, {slot}}};
  own.as_of = as_of + 1;
  ASSERT_TRUE(coordinator.Add(0, own).ok());
  const std::optional<ResponseList> list = coordinator.TakeDue();
  ASSERT_TRUE(list.has_value());
  EXPECT_EQ(list->cached, std::vector<std::uint32_t>{slot});
}

TEST(Coordinator, ARankThatDoesNotKnowThatItsSlotIsGoneHasNotLeftYet) {
  for (const bool joins : {false, true}) {
    const ManualClock clock;
    Coordinator coordinator(3, ConfigWith(Setting::kLockAfter, "0"), clock);
    std::uint64_t as_of = 0;
    const std::uint32_t slot = CacheW(coordinator, 3, as_of);
    RequestList other = Requests({"w"});
    other.requests[0].shape = {7};
    other.as_of = as_of;
    ASSERT_TRUE(coordinator.Add(0, other).ok());
    // Rank 1 asks by its slot and leaves, before it can hear that the slot means nothing any more.
    RequestList leave;
    leave.partial = {{1, {slot}}};
    leave.shutdown = !joins;
    leave.as_of = as_of;
    if (joins) {
      leave.requests.emplace_back().name = "ronde.join";
      leave.requests[0].kind = OperationKind::kJoin;
    }
    ASSERT_TRUE(coordinator.Add(1, leave).ok());
    const std::optional<ResponseList> news = coordinator.TakeDue();
    ASSERT_TRUE(news.has_value());
    EXPECT_EQ(news->evicted, std::vector<std::uint32_t>{slot});
    EXPECT_FALSE(news->absent_changed);
    // Now it has heard of it.
    RequestList again = Requests({"w"});
    again.as_of = news->number;
    ASSERT_TRUE(coordinator.Add(1, again).ok());
    leave.partial.clear();
    leave.as_of = news->number;
    ASSERT_TRUE(coordinator.Add(1, leave).ok());
    ASSERT_TRUE(coordinator.Add(1, leave).ok()) << "once too often does no harm";
    ASSERT_TRUE(coordinator.Add(2, again).ok());
    const std::optional<ResponseList> list = coordinator.TakeDue();
    ASSERT_TRUE(list.has_value());
    EXPECT_EQ(list->absent, std::vector<std::int32_t>{1});
    ASSERT_EQ(list->responses.size(), 1u);
    EXPECT_EQ(list->responses[0].error.code(), StatusCode::kMismatch) << "its data counts";
  }
}

TEST(Coordinator, WhatItsGroupHoldsBackKeepsNoRankFromLeaving) {
  const ManualClock clock;
  Coordinator coordinator(2, ConfigWith(Setting::kLockAfter, "0"), clock);
  RequestList both = Requests({"a", "b"});
  for (Request& request : both.requests) {
    request.group = "g";
    request.group_size = 2;
  }
  for (const int rank : {0, 1}) ASSERT_TRUE(coordinator.Add(rank, both).ok());
  const std::optional<ResponseList> first = coordinator.TakeDue();
  ASSERT_TRUE(first.has_value());
  ASSERT_EQ(first->responses.size(), 2u);
  const auto slot = static_cast<std::uint32_t>(first->responses[0].slot);
  for (const int rank : {0, 1}) {
    RequestList again;
    again.partial = {{rank, {slot}}};
    again.as_of = first->number;
    ASSERT_TRUE(coordinator.Add(rank, again).ok());
  }
  EXPECT_FALSE(coordinator.TakeDue().has_value()) << "held back";
  RequestList leave;
  leave.partial = {{1, {slot}}};
  leave.requests.emplace_back().name = "ronde.join";
  leave.requests[0].kind = OperationKind::kJoin;
  leave.as_of = first->number;
  ASSERT_TRUE(coordinator.Add(1, leave).ok());
  const std::optional<ResponseList> news = coordinator.TakeDue();
  ASSERT_TRUE(news.has_value()) << "it will not say so again";
  EXPECT_EQ(news->absent, std::vector<std::int32_t>{1});
}

TEST(Coordinator, NewsWithoutAnswersIsToldAtOnceWhateverTheCycleTime) {
  const ManualClock clock;
  Coordinator coordinator(3, ConfigWith(Setting::kCycleTimeMs, "1000"), clock);
  RequestList join;
  join.requests.emplace_back().name = "ronde.join";
  join.requests[0].kind = OperationKind::kJoin;
  ASSERT_TRUE(coordinator.Add(2, join).ok());
  const std::optional<ResponseList> list = coordinator.TakeDue();
  ASSERT_TRUE(list.has_value());
  EXPECT_EQ(list->absent, std::vector<std::int32_t>{2});
}

TEST(Coordinator, IgnoresSlotsAndRanksThatDoNotExist) {
  const ManualClock clock;
  Coordinator coordinator(2, Config(), clock);
  RequestList odd = Slots({0, 7, UINT32_MAX}, 77, 99);
  odd.partial = {{-1, {0}}, {2, {0}}, {1, {UINT32_MAX}}};
  EXPECT_TRUE(coordinator.Add(1, odd).ok());
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
