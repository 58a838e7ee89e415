#include "core/control/negotiator.h"

#include <gtest/gtest.h>

namespace ronde {
namespace {

Request Named(const std::string& name, Shape shape = {2}) {
  Request request;
  request.name = name;
  request.shape = std::move(shape);
  return request;
}

std::vector<std::string> Names(const std::vector<Response>& responses) {
  std::vector<std::string> names;
  for (const Response& response : responses) names.push_back(response.request.name);
  return names;
}

using Strings = std::vector<std::string>;

TEST(Negotiator, ANameIsReadyOnceEveryRankHasRequestedIt) {
  Negotiator negotiator(3);
  ASSERT_TRUE(negotiator.AddRequest(2, Named("w"), 0).ok());
  ASSERT_TRUE(negotiator.AddRequest(0, Named("w"), 0).ok());
  EXPECT_FALSE(negotiator.has_ready());
  ASSERT_TRUE(negotiator.AddRequest(1, Named("w"), 0).ok());
  EXPECT_TRUE(negotiator.has_ready());
  EXPECT_EQ(Names(negotiator.TakeReady().responses), Strings{"w"});
  EXPECT_TRUE(negotiator.TakeReady().responses.empty());
}

TEST(Negotiator, OneRankIsReadyAtOnce) {
  Negotiator negotiator(1);
  ASSERT_TRUE(negotiator.AddRequest(0, Named("b"), 0).ok());
  ASSERT_TRUE(negotiator.AddRequest(0, Named("a"), 0).ok());
  EXPECT_EQ(Names(negotiator.TakeReady().responses), (Strings{"b", "a"}));
}

TEST(Negotiator, AnswersInTheOrderOfReadiness) {
  Negotiator negotiator(2);
  for (const char* name : {"a", "b", "c"}) {
    ASSERT_TRUE(negotiator.AddRequest(0, Named(name), 0).ok());
  }
  for (const char* name : {"c", "a", "b"}) {
    ASSERT_TRUE(negotiator.AddRequest(1, Named(name), 0).ok());
  }
  EXPECT_EQ(Names(negotiator.TakeReady().responses), (Strings{"c", "a", "b"}));
}

TEST(Negotiator, AnswersAMismatchAndGoesOn) {
  Negotiator negotiator(2);
  ASSERT_TRUE(negotiator.AddRequest(1, Named("w", {4}), 0).ok());
  ASSERT_TRUE(negotiator.AddRequest(0, Named("w", {3}), 0).ok());
  ASSERT_TRUE(negotiator.AddRequest(0, Named("w"), 0).ok());
  ASSERT_TRUE(negotiator.AddRequest(1, Named("w"), 0).ok());
  const std::vector<Response> responses = negotiator.TakeReady().responses;
  ASSERT_EQ(responses.size(), 2u);
  EXPECT_EQ(responses[0].error.code(), StatusCode::kMismatch);
  EXPECT_TRUE(responses[1].error.ok());
}

TEST(Negotiator, RefusesWhatBreaksTheProtocol) {
  Negotiator negotiator(2);
  ASSERT_TRUE(negotiator.AddRequest(1, Named("w"), 0).ok());
  EXPECT_EQ(negotiator.AddRequest(1, Named("w"), 0).code(), StatusCode::kInternal);
  ASSERT_TRUE(negotiator.MarkShutdown(1).ok());
  EXPECT_EQ(negotiator.MarkShutdown(1).code(), StatusCode::kInternal);
  EXPECT_EQ(negotiator.AddRequest(1, Named("v"), 0).code(), StatusCode::kInternal);
}

TEST(Negotiator, ANameThatNeedsARankThatHasShutDownFailsNamingIt) {
  Negotiator negotiator(3);
  ASSERT_TRUE(negotiator.AddRequest(0, Named("early"), 0).ok());
  ASSERT_TRUE(negotiator.AddRequest(2, Named("both"), 0).ok());
  ASSERT_TRUE(negotiator.MarkShutdown(2).ok());
  ASSERT_TRUE(negotiator.AddRequest(1, Named("late"), 0).ok());
  const std::vector<Response> responses = negotiator.TakeReady().responses;
  EXPECT_EQ(Names(responses), (Strings{"early", "late"}));
  EXPECT_EQ(
      responses[0].error,
      Status::Shutdown("tensor 'early' needs rank 2, which has shut down without submitting it"));
  EXPECT_EQ(responses[1].error.code(), StatusCode::kShutdown);

  // Submitted by the rank before it shut down: the others can still join.
  ASSERT_TRUE(negotiator.AddRequest(0, Named("both"), 0).ok());
  ASSERT_TRUE(negotiator.AddRequest(1, Named("both"), 0).ok());
  EXPECT_TRUE(negotiator.TakeReady().responses.at(0).error.ok());
}

TEST(Negotiator, NamesTheRankThatShutDownFirst) {
  Negotiator negotiator(3);
  ASSERT_TRUE(negotiator.MarkShutdown(2).ok());
  ASSERT_TRUE(negotiator.MarkShutdown(0).ok());
  ASSERT_TRUE(negotiator.AddRequest(1, Named("w"), 0).ok());
  EXPECT_NE(negotiator.TakeReady().responses.at(0).error.message().find("needs rank 2"),
            std::string::npos);
}

TEST(Negotiator, TellsWhoIsStillRunning) {
  Negotiator negotiator(3);
  ASSERT_TRUE(negotiator.MarkShutdown(1).ok());
  EXPECT_EQ(negotiator.running_ranks(), (std::vector<int>{0, 2}));
  ASSERT_TRUE(negotiator.MarkShutdown(0).ok());
  EXPECT_FALSE(negotiator.all_shut_down());
  ASSERT_TRUE(negotiator.MarkShutdown(2).ok());
  EXPECT_TRUE(negotiator.all_shut_down());
}

TEST(Negotiator, ReportsWhatWaitsLongestFirst) {
  Negotiator negotiator(3);
  EXPECT_FALSE(negotiator.waiting_since_ns().has_value());
  ASSERT_TRUE(negotiator.AddRequest(2, Named("old"), 10).ok());
  ASSERT_TRUE(negotiator.AddRequest(1, Named("young"), 20).ok());
  ASSERT_TRUE(negotiator.AddRequest(0, Named("old"), 30).ok());
  const std::vector<WaitingTensor> waiting = negotiator.Waiting();
  ASSERT_EQ(waiting.size(), 2u);
  EXPECT_EQ(waiting[0].name, "old");
  EXPECT_EQ(waiting[0].since_ns, 10);
  EXPECT_EQ(waiting[0].waiting, (std::vector<int>{0, 2}));
  EXPECT_EQ(waiting[0].missing, std::vector<int>{1});
  EXPECT_EQ(waiting[1].name, "young");
  EXPECT_EQ(negotiator.waiting_since_ns(), 10);
}

TEST(Negotiator, FailWaitingAnswersEveryWaitingName) {
  Negotiator negotiator(2);
  ASSERT_TRUE(negotiator.AddRequest(0, Named("a"), 0).ok());
  ASSERT_TRUE(negotiator.AddRequest(1, Named("b"), 0).ok());
  negotiator.FailWaiting(Status::Timeout("late"));
  const std::vector<Response> responses = negotiator.TakeReady().responses;
  ASSERT_EQ(responses.size(), 2u);
  EXPECT_EQ(responses[1].error, Status::Timeout("late"));
  EXPECT_TRUE(negotiator.Waiting().empty());
}

}  // namespace
}  // namespace ronde
