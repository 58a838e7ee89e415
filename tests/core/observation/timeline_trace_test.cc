#include "core/observation/timeline_trace.h"

#include <gmock/gmock.h>

#include "core/base/strcat.h"
#include "tests/core/observation/trace_file.h"

namespace ronde {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using Type = TimelineEvent::Type;

TimelineEvent At(Type type, std::int64_t now_ns, std::int64_t begin_ns = 0) {
  TimelineEvent event;
  event.type = type;
  event.now_ns = now_ns;
  event.begin_ns = begin_ns;
  return event;
}

class TimelineTraceTest : public ::testing::Test {
 protected:
  void Add(Type type, std::int64_t now_ns, const std::string& name = "",
           std::int64_t begin_ns = 0) {
    trace_.Add(At(type, now_ns, begin_ns), name, "", text_);
  }
  [[nodiscard]] json Whole() const { return json::parse(text_ + "]}"); }

  TimelineTrace trace_{{0, "here", {}}, false};
  std::string text_ = trace_.Head();
};

TEST_F(TimelineTraceTest, BeginsInTheMiddleOfOperations) {
  Add(Type::kPhase, 1000, "ring");
  Add(Type::kBatchEnd, 2000);
  Add(Type::kAgreed, 3000, "late", 500);
  Add(Type::kBatchBegin, 4000);
  Add(Type::kMember, 4000, "late");
  Add(Type::kMember, 4000, "later");
  Add(Type::kBatchEnd, 5000);
  Add(Type::kCompleted, 5000, "later still");
  EXPECT_THAT(LinesOn(Whole(), "late"), ElementsAre("X NEGOTIATE @0.5+2.5", "X QUEUE @3.0+1.0",
                                                    "B allreduce @4.0", "E @5.0"));
  EXPECT_THAT(LinesOn(Whole(), "later"), ElementsAre("B allreduce @4.0", "E @5.0"));
  EXPECT_EQ(TrackNamed(Whole(), "later still"), -1);
}

TEST_F(TimelineTraceTest, SpansStayNestedWhereEventsWereDropped) {
  for (int i = 0; i < 2; ++i) {
    Add(Type::kSubmitted, 1000, "w");
    Add(Type::kBatchBegin, 2000);
    Add(Type::kMember, 2000, "w");
  }
  Add(Type::kBatchEnd, 3000);
  Add(Type::kBatchEnd, 3000);
  int depth = 0;
  for (const json& event : EventsOn(Whole(), "w")) {
    if (event["ph"] == "B") ++depth;
    if (event["ph"] == "E") --depth;
    EXPECT_GE(depth, 0);
  }
  EXPECT_EQ(depth, 0);
}

TEST_F(TimelineTraceTest, ANameInFlightTwiceKeepsTheFirstOnesSpans) {
  Add(Type::kSubmitted, 1000, "w");
  Add(Type::kSubmitted, 2000, "w");
  TimelineEvent refused = At(Type::kCompleted, 2000);
  refused.values[0] = static_cast<std::uint64_t>(StatusCode::kDuplicateName);
  trace_.Add(refused, "w", "twice", text_);
  Add(Type::kAgreed, 3000, "w");
  EXPECT_THAT(LinesOn(Whole(), "w"), ElementsAre("B NEGOTIATE @1.0", "i FAILED @2.0", "E @3.0"));
}

TEST_F(TimelineTraceTest, ProcessSetsHaveTracksOfTheirOwn) {
  Add(Type::kSubmitted, 1000, "w");
  TimelineEvent of_set = At(Type::kSubmitted, 2000);
  of_set.process_set = 3;
  trace_.Add(of_set, "w", "", text_);
  EXPECT_THAT(LinesOn(Whole(), "w"), ElementsAre("B NEGOTIATE @1.0"));
  EXPECT_THAT(LinesOn(Whole(), "w [set 3]"), ElementsAre("B NEGOTIATE @2.0"));
}

TEST_F(TimelineTraceTest, MoreNamesThanTracksBorrowOneEach) {
  for (std::size_t i = 0; i < TimelineTrace::kMostTracks; ++i) {
    Add(Type::kSubmitted, 1000, StrCat("tensor", i));
  }
  for (int i = 0; i < 5; ++i) {
    const std::string name = StrCat("further", i);
    Add(Type::kSubmitted, 2000, name);
    Add(Type::kAgreed, 3000, name);
    Add(Type::kCompleted, 4000, name);
  }
  const json whole = Whole();
  EXPECT_EQ(TrackNamed(whole, "further0"), -1);
  const std::vector<json> events =
      EventsOn(whole, StrCat("more tensors ", TimelineTrace::kMostTracks));
  ASSERT_EQ(events.size(), 15U);
  EXPECT_EQ(events[12]["args"]["tensor"], "further4");
}

TEST_F(TimelineTraceTest, OnlyLongWaitsForARankAreMarked) {
  for (const std::uint64_t wait_ns : {10'000U, 5'000'000U}) {
    TimelineEvent event = At(Type::kStraggler, 0);
    event.values[0] = 2;
    event.values[1] = wait_ns;
    trace_.Add(event, "w", "", text_);
  }
  const std::vector<json> events = EventsOn(Whole(), "engine");
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0]["name"], "waited for rank 2");
  EXPECT_EQ(events[0]["args"]["wait_us"], 5000);
}

TEST_F(TimelineTraceTest, SaysHowManyEventsAreMissing) {
  trace_.AddDropped(17, text_);
  EXPECT_EQ(EventsOn(Whole(), "engine").at(0)["args"]["so far"], 17);
}

TEST(TimelineQueue, DropsAndCountsWhatDoesNotFit) {
  TimelineQueue queue;
  queue.Open();
  const std::string name(1000, 'n');
  constexpr std::uint64_t kAdded = 2 * TimelineQueue::kCapacityBytes / 1000;
  for (std::uint64_t i = 0; i < kAdded; ++i) queue.Add(At(Type::kSubmitted, 1), name);
  std::vector<std::byte> events;
  std::uint64_t dropped = 0;
  EXPECT_TRUE(queue.Take(std::chrono::milliseconds(0), events, dropped));
  std::uint64_t kept = 0;
  TimelineQueue::ForEach(events, [&](const TimelineEvent&, std::string_view read,
                                     std::string_view) { kept += read == name ? 1 : 0; });
  EXPECT_LE(events.size(), TimelineQueue::kCapacityBytes);
  EXPECT_GT(dropped, 0U);
  EXPECT_EQ(kept + dropped, kAdded);
}

TEST(TimelineQueue, ABatchFitsAsAWholeOrNotAtAll) {
  TimelineQueue queue;
  queue.Open();
  const std::string name(4000, 'n');
  queue.AddAll([&](const auto& add) {
    for (int i = 0; i < 2000; ++i) add(At(Type::kMember, 1), name, {});
  });
  std::vector<std::byte> events;
  std::uint64_t dropped = 0;
  queue.Close();
  EXPECT_FALSE(queue.Take(std::chrono::milliseconds(0), events, dropped));
  EXPECT_TRUE(events.empty());
  EXPECT_EQ(dropped, 2000U);
}

}  // namespace
}  // namespace ronde
