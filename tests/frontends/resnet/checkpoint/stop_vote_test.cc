#include "frontends/resnet/checkpoint/stop_vote.h"

#include <gtest/gtest.h>

#include "tests/frontends/session/run_sessions.h"

namespace ronde {
namespace {

constexpr int kSignal = 15;
constexpr int kSteps = 20;

// The step after which a rank stops when rank 1 gets its signal before the vote of step 5.
int StopsAt(Session& session, std::int64_t lag) {
  int step = 0;
  StopVote vote(session, [&] { return session.rank() == 1 && step >= 5 ? kSignal : 0; });
  while (++step <= kSteps) {
    const Result<int> signal = vote.AfterStep(lag);
    EXPECT_TRUE(signal.ok()) << signal.status().message();
    if (!signal.ok() || signal.value() == kSignal) break;
  }
  EXPECT_TRUE(vote.ReadAll().ok());
  EXPECT_EQ(vote.votes(), static_cast<std::uint64_t>(step));
  return step;
}

TEST(StopVote, AllRanksStopAtTheSameStep) {
  for (const int size : {2, 3}) {
    for (const std::int64_t lag : {0, 1, 8}) {
      RunSessions(size, [lag](Session& session) { EXPECT_EQ(StopsAt(session, lag), 5 + lag); });
    }
  }
}

TEST(StopVote, OneRankStopsAlone) {
  RunSessions(1, [](Session& session) {
    StopVote vote(session, [] { return kSignal; });
    EXPECT_EQ(vote.Now().value(), kSignal);
  });
}

TEST(StopVote, ALagThatGrowsSkipsNoVote) {
  RunSessions(2, [](Session& session) {
    int step = 0;
    StopVote vote(session, [&] { return step == 2 ? kSignal : 0; });
    for (step = 1; step <= 2; ++step) EXPECT_EQ(vote.AfterStep(1).value(), 0);
    for (step = 3; step <= 5; ++step) EXPECT_EQ(vote.AfterStep(4).value(), 0);
    step = 6;
    EXPECT_EQ(vote.AfterStep(4).value(), kSignal);
    EXPECT_EQ(vote.ReadAll().value(), 0);
  });
}

TEST(StopVote, ReadsWhatIsUnderWayAtTheEnd) {
  RunSessions(2, [](Session& session) {
    StopVote vote(session, [&] { return session.rank() == 0 ? kSignal : 0; });
    EXPECT_EQ(vote.AfterStep(8).value(), 0);
    EXPECT_EQ(vote.ReadAll().value(), kSignal);
    EXPECT_GT(vote.seconds_outstanding(), 0);
  });
}

TEST(StopVote, CostsFourBytesAVote) {
  RunSessions(2, [](Session& session) {
    StopVote vote(session, [] { return 0; });
    for (int step = 0; step < kSteps; ++step) EXPECT_TRUE(vote.AfterStep(3).ok());
    EXPECT_TRUE(vote.ReadAll().ok());
    EXPECT_EQ(session.counters().payload_bytes, vote.votes() * StopVote::kBytesPerVote);
  });
}

}  // namespace
}  // namespace ronde
