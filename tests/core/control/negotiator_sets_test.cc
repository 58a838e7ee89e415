// Process sets and groups, as rank 0 negotiates them.
#include <algorithm>

#include <gtest/gtest.h>

#include "core/control/negotiator.h"

namespace ronde {
namespace {

using Strings = std::vector<std::string>;
using Numbers = std::vector<std::int64_t>;

Request Named(const std::string& name, int set = kWorld,
              OperationKind kind = OperationKind::kAllreduce) {
  Request request;
  request.kind = kind;
  request.name = name;
  request.process_set = set;
  request.shape = {2};
  return request;
}

Request Add(Numbers members) {
  Request request = Named("add", kWorld, OperationKind::kAddProcessSet);
  request.members = std::move(members);
  return request;
}

Request Remove(int set) { return Named("remove", set, OperationKind::kRemoveProcessSet); }

Request Grouped(const std::string& name, const std::string& group, int size) {
  Request request = Named(name);
  request.group = group;
  request.group_size = size;
  return request;
}

Strings Names(const ResponseList& list) {
  Strings names;
  for (const Response& response : list.responses) names.push_back(response.request.name);
  return names;
}

void Ask(Negotiator& negotiator, int rank, const Request& request, std::int64_t now_ns = 0) {
  const Status status = negotiator.AddRequest(rank, request, now_ns);
  ASSERT_TRUE(status.ok()) << status.message();
}

Response AskAll(Negotiator& negotiator, int size, const Request& request) {
  for (int rank = 0; rank < size; ++rank) Ask(negotiator, rank, request);
  const ResponseList list = negotiator.TakeReady();
  return list.responses.empty() ? Response() : list.responses.back();
}

TEST(NegotiatorSets, AreNumberedInTheOrderInWhichTheyAreAgreed) {
  Negotiator negotiator(3);
  EXPECT_EQ(AskAll(negotiator, 3, Add({0, 1})).request.process_set, 1);
  EXPECT_EQ(AskAll(negotiator, 3, Add({0, 1})).request.process_set, 2) << "equal, but another";
  EXPECT_TRUE(AskAll(negotiator, 3, Remove(2)).error.ok());
  EXPECT_EQ(AskAll(negotiator, 3, Add({2})).request.process_set, 3);
}

TEST(NegotiatorSets, MembersMustBeRanksAndAscending) {
  Negotiator negotiator(3);
  for (const Numbers& members :
       std::vector<Numbers>{{}, {3}, {-1, 0}, {1, 0}, {1, 1}, {0, 1, 2, 3}}) {
    const Status error = AskAll(negotiator, 3, Add(members)).error;
    EXPECT_EQ(error.code(), StatusCode::kInvalidArgument) << ToString(members);
  }
  EXPECT_EQ(AskAll(negotiator, 3, Add({0, 1, 2})).request.process_set, 1) << "none was used up";
}

TEST(NegotiatorSets, RanksMustNameTheSameMembers) {
  Negotiator negotiator(2);
  Ask(negotiator, 0, Add({0}));
  Ask(negotiator, 1, Add({1}));
  const Status error = negotiator.TakeReady().responses.at(0).error;
  EXPECT_EQ(error.code(), StatusCode::kMismatch);
  EXPECT_NE(error.message().find("members [0]"), std::string::npos) << error.message();
}

TEST(NegotiatorSets, MustExistToBeRemoved) {
  Negotiator negotiator(2);
  EXPECT_EQ(AskAll(negotiator, 2, Remove(1)).error.code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(AskAll(negotiator, 2, Remove(kWorld)).error.code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(AskAll(negotiator, 2, Remove(-1)).error.code(), StatusCode::kInvalidArgument);
  (void)AskAll(negotiator, 2, Add({0}));
  EXPECT_TRUE(AskAll(negotiator, 2, Remove(1)).error.ok());
  EXPECT_EQ(AskAll(negotiator, 2, Remove(1)).error.code(), StatusCode::kInvalidArgument);
}

TEST(NegotiatorSets, DoNotWaitForOneAnother) {
  Negotiator negotiator(4);
  (void)AskAll(negotiator, 4, Add({0, 1}));
  (void)AskAll(negotiator, 4, Add({2, 3}));
  (void)AskAll(negotiator, 4, Add({1, 2}));
  (void)AskAll(negotiator, 4, Add({3}));
  Ask(negotiator, 0, Named("w", 1));
  Ask(negotiator, 1, Named("w", 3));
  EXPECT_FALSE(negotiator.has_ready()) << "the same name in another set";
  Ask(negotiator, 3, Named("w", 2));
  Ask(negotiator, 3, Named("w", 4));
  EXPECT_EQ(negotiator.TakeReady().responses.at(0).request.process_set, 4) << "of one rank";
  Ask(negotiator, 2, Named("w", 2));
  EXPECT_EQ(negotiator.TakeReady().responses.at(0).request.process_set, 2);
  const std::vector<WaitingTensor> waiting = negotiator.Waiting();
  ASSERT_EQ(waiting.size(), 2u);
  EXPECT_EQ(waiting[0].missing.size(), 1u) << "only members are missed";
}

TEST(NegotiatorSets, AStrangerBreaksTheProtocol) {
  Negotiator negotiator(2);
  (void)AskAll(negotiator, 2, Add({0}));
  EXPECT_EQ(negotiator.AddRequest(1, Named("w", 1), 0).code(), StatusCode::kInternal);
}

TEST(NegotiatorSets, RootsAndRowsCountTheRanksOfTheSet) {
  Negotiator negotiator(4);
  (void)AskAll(negotiator, 4, Add({1, 3}));
  Request cast = Named("c", 1, OperationKind::kBroadcast);
  cast.root = 2;
  for (const int rank : {3, 1}) Ask(negotiator, rank, cast);
  EXPECT_EQ(negotiator.TakeReady().responses.at(0).error.code(), StatusCode::kInvalidArgument);
  Request gather = Named("g", 1, OperationKind::kAllgather);
  gather.shape = {7};
  Ask(negotiator, 3, gather);
  gather.shape = {5};
  Ask(negotiator, 1, gather);
  EXPECT_EQ(negotiator.TakeReady().responses.at(0).rank_extents, (Numbers{5, 7}));
  gather.shape = {5, 1};
  Ask(negotiator, 3, gather);
  gather.shape = {5};
  Ask(negotiator, 1, gather);
  const std::string message = negotiator.TakeReady().responses.at(0).error.message();
  EXPECT_NE(message.find("rank 1 submitted"), std::string::npos) << message;
  EXPECT_NE(message.find("rank 3 submitted"), std::string::npos) << "world ranks: " << message;
}

TEST(NegotiatorSets, ARemovalForgetsWhatWaitsInTheSet) {
  Negotiator negotiator(3, 4);
  (void)AskAll(negotiator, 3, Add({0, 1}));
  for (const int rank : {0, 1}) Ask(negotiator, rank, Named("cached", 1));
  const ResponseList first = negotiator.TakeReady();
  const int slot = first.responses.at(0).slot;
  const std::vector<int> zero = {0};
  negotiator.AddCached(slot, zero, 0, first.number, 1);
  Ask(negotiator, 0, Named("w", 1), 1);
  Ask(negotiator, 2, Named("other"), 2);
  for (const int rank : {0, 1, 2}) Ask(negotiator, rank, Remove(1), 3);
  const ResponseList list = negotiator.TakeReady();
  EXPECT_EQ(Names(list), Strings{"remove"}) << "ranks end what waits in it by themselves";
  EXPECT_EQ(list.evicted, std::vector<std::uint32_t>{static_cast<std::uint32_t>(slot)});
  // A member that had not heard of it.
  Ask(negotiator, 1, Named("w", 1));
  const std::vector<int> one = {1};
  negotiator.AddCached(slot, one, 1, first.number, 1);
  EXPECT_FALSE(negotiator.has_news());
  const std::vector<WaitingTensor> waiting = negotiator.Waiting();
  ASSERT_EQ(waiting.size(), 1u);
  EXPECT_EQ(waiting[0].name, "other");
  for (const int rank : {0, 1}) Ask(negotiator, rank, Named("other"));
  (void)negotiator.TakeReady();
  EXPECT_TRUE(negotiator.is_quiet());
  EXPECT_FALSE(negotiator.waiting_since_ns().has_value());
}

TEST(NegotiatorSets, WhatWasReadyBeforeARemovalIsStillToldWithoutItsSlot) {
  Negotiator negotiator(2, 4);
  (void)AskAll(negotiator, 2, Add({0, 1}));
  (void)AskAll(negotiator, 2, Named("w", 1));
  const std::vector<int> both = {0, 1};
  const ResponseList idle = negotiator.TakeReady();
  const int slot = negotiator.slots().Find(KeyOf(1, "w"));
  ASSERT_GE(slot, 0);
  negotiator.AddCached(slot, both, 1, idle.number, 0);
  for (const int rank : {0, 1}) Ask(negotiator, rank, Named("v", 1));
  for (const int rank : {0, 1}) Ask(negotiator, rank, Remove(1));
  const ResponseList list = negotiator.TakeReady();
  // The slots are evicted before anything else of the list is looked at.
  EXPECT_EQ(list.evicted.size(), 2u);
  EXPECT_TRUE(list.cached.empty());
  ASSERT_EQ(Names(list), (Strings{"w", "v", "remove"}));
  for (const Response& response : list.responses) {
    EXPECT_TRUE(response.error.ok());
    EXPECT_EQ(response.slot, -1);
  }
}

TEST(NegotiatorGroups, AreAnsweredOnceAllMembersAreReady) {
  Negotiator negotiator(2);
  Ask(negotiator, 0, Grouped("a", "g", 3));
  Ask(negotiator, 0, Grouped("b", "g", 3));
  Ask(negotiator, 0, Named("x"));
  for (const char* name : {"b", "a"}) Ask(negotiator, 1, Grouped(name, "g", 3));
  Ask(negotiator, 1, Named("x"));
  EXPECT_EQ(Names(negotiator.TakeReady()), Strings{"x"});
  Request spans = Grouped("c", "g", 3);
  spans.dtype = DataType::kInt64;
  spans.kind = OperationKind::kAllgather;
  Ask(negotiator, 1, spans);
  Ask(negotiator, 0, spans);
  const ResponseList list = negotiator.TakeReady();
  EXPECT_EQ(Names(list), (Strings{"b", "a", "c"}));
  EXPECT_EQ(list.responses[2].rank_extents, (Numbers{2, 2}));
}

TEST(NegotiatorGroups, FailTogether) {
  Negotiator negotiator(2);
  for (const int rank : {0, 1}) Ask(negotiator, rank, Grouped("a", "g", 3));
  EXPECT_FALSE(negotiator.has_ready());
  Request odd = Grouped("b", "g", 3);
  Ask(negotiator, 0, odd);
  odd.shape = {9};
  Ask(negotiator, 1, odd);
  const ResponseList list = negotiator.TakeReady();
  EXPECT_EQ(list.responses.size(), 2u);
  for (const Response& response : list.responses) {
    EXPECT_EQ(response.error.code(), StatusCode::kMismatch);
    EXPECT_EQ(response.slot, -1);
  }
  EXPECT_EQ(AskAll(negotiator, 2, Grouped("c", "g", 3)).error.code(), StatusCode::kMismatch);
  // And the next time it works.
  for (const char* name : {"a", "b", "c"}) {
    for (const int rank : {0, 1}) Ask(negotiator, rank, Grouped(name, "g", 3));
  }
  const ResponseList again = negotiator.TakeReady();
  ASSERT_EQ(again.responses.size(), 3u);
  for (const Response& response : again.responses) EXPECT_TRUE(response.error.ok());
}

TEST(NegotiatorGroups, RanksMustAgreeOnThem) {
  for (const Request& other : {Named("a"), Grouped("a", "h", 2), Grouped("a", "g", 3)}) {
    Negotiator negotiator(2);
    for (const int rank : {0, 1}) Ask(negotiator, rank, Grouped("b", "g", 2));
    Ask(negotiator, 0, Grouped("a", "g", 2));
    Ask(negotiator, 1, other);
    if (other.group_size == 3) Ask(negotiator, 1, Grouped("c", "g", 3));
    const ResponseList list = negotiator.TakeReady();
    ASSERT_GE(list.responses.size(), 2u);
    for (const Response& response : list.responses) {
      EXPECT_EQ(response.error.code(), StatusCode::kMismatch) << response.request.name;
    }
    EXPECT_NE(list.responses[0].error.message().find("group 'g' of 2"), std::string::npos)
        << list.responses[0].error.message();
  }
}

TEST(NegotiatorGroups, ChangesOfTheWorldCannotBeInOne) {
  // Held back, they would come into force on rank 0 before the others.
  Negotiator negotiator(2);
  Request add = Add({0});
  Request remove = Remove(1);
  Request join = Named("ronde.join", kWorld, OperationKind::kJoin);
  for (Request* request : {&add, &remove, &join}) {
    request->group = "g";
    request->group_size = 2;
    EXPECT_EQ(AskAll(negotiator, 2, *request).error.code(), StatusCode::kInvalidArgument)
        << request->name;
    EXPECT_FALSE(AskAll(negotiator, 2, Grouped("rest", "g", 2)).error.ok());
  }
  EXPECT_EQ(AskAll(negotiator, 2, Add({0})).request.process_set, 1);
}

TEST(NegotiatorGroups, AMemberThatNeedsALeaverFailsThemAll) {
  Negotiator negotiator(3);
  for (const int rank : {0, 1, 2}) Ask(negotiator, rank, Grouped("a", "g", 2));
  Ask(negotiator, 0, Grouped("b", "g", 2));
  ASSERT_TRUE(negotiator.MarkShutdown(2).ok());
  const ResponseList list = negotiator.TakeReady();
  ASSERT_EQ(list.responses.size(), 2u);
  for (const Response& response : list.responses) {
    EXPECT_EQ(response.error.code(), StatusCode::kShutdown) << response.request.name;
  }
}

TEST(NegotiatorGroups, WhatTheyHoldBackIsWaitedFor) {
  Negotiator negotiator(2);
  for (const int rank : {0, 1}) Ask(negotiator, rank, Grouped("a", "g", 2), 5 + rank);
  EXPECT_EQ(negotiator.waiting_since_ns(), 5);
  const std::vector<WaitingTensor> waiting = negotiator.Waiting();
  ASSERT_EQ(waiting.size(), 1u);
  EXPECT_EQ(waiting[0].name, "a");
  EXPECT_EQ(waiting[0].waiting, (std::vector<int>{0, 1}));
  EXPECT_TRUE(waiting[0].missing.empty());
  EXPECT_EQ(waiting[0].lack, "group 'g' has 1 of its 2 operations");
  AskAll(negotiator, 2, Grouped("b", "g", 2));
  EXPECT_FALSE(negotiator.waiting_since_ns().has_value());
}

// In the world of three, rank 0 thinks the group has two members, the others three.
void AskInTheirSizes(Negotiator& negotiator, int rank, std::initializer_list<const char*> names) {
  for (const char* name : names) Ask(negotiator, rank, Grouped(name, "g", rank == 0 ? 2 : 3));
}

void ExpectMismatches(Negotiator& negotiator, Strings names) {
  const ResponseList list = negotiator.TakeReady();
  EXPECT_EQ(Names(list), names);
  for (const Response& response : list.responses) {
    EXPECT_EQ(response.error.code(), StatusCode::kMismatch) << response.error.ToString();
    EXPECT_NE(response.error.message().find("group 'g' of 2"), std::string::npos)
        << response.error.message();
  }
}

TEST(NegotiatorGroups, SurplusMembersFailOnceNobodyElseCanComeAndOnlyForThoseWhoAsked) {
  for (const bool surplus_first : {false, true}) {
    Negotiator negotiator(3, surplus_first ? 8 : 0);
    if (surplus_first) AskInTheirSizes(negotiator, 1, {"c"});
    AskInTheirSizes(negotiator, 0, {"a"});
    AskInTheirSizes(negotiator, 1, {"a", "b"});
    AskInTheirSizes(negotiator, 2, {"a"});
    ExpectMismatches(negotiator, {"a"});
    AskInTheirSizes(negotiator, 0, {"b"});
    if (!surplus_first) AskInTheirSizes(negotiator, 1, {"c"});
    AskInTheirSizes(negotiator, 2, {"b"});
    ExpectMismatches(negotiator, {"b"});
    // Rank 0 has heard of all that it knows of, and uses the group again.
    for (const char* name : {"c", "a", "b"}) Ask(negotiator, 0, Grouped(name, "g", 3));
    EXPECT_FALSE(negotiator.has_ready()) << "rank 2 may still come";
    EXPECT_EQ(negotiator.Waiting().size(), 4u) << "none of which is lost from sight";
    AskInTheirSizes(negotiator, 2, {"c"});
    const ResponseList surplus = negotiator.TakeReady();
    ASSERT_EQ(Names(surplus), Strings{"c"});
    EXPECT_EQ(surplus.responses[0].rank_extents, (Numbers{1, 2}));
    EXPECT_EQ(surplus.responses[0].error.code(), StatusCode::kMismatch);
    for (const char* name : {"a", "b", "c"}) {
      for (const int rank : {1, 2}) Ask(negotiator, rank, Grouped(name, "g", 3));
    }
    const ResponseList list = negotiator.TakeReady();
    EXPECT_EQ(list.responses.size(), 3u);
    for (const Response& response : list.responses) EXPECT_TRUE(response.error.ok());
    EXPECT_TRUE(negotiator.is_quiet());
    EXPECT_FALSE(negotiator.waiting_since_ns().has_value());
  }
}

TEST(NegotiatorGroups, ADisputeThatARankDoesNotSeeToItsEndSpoilsNoLaterUse) {
  Negotiator negotiator(3);
  for (const int rank : {0, 1, 2}) AskInTheirSizes(negotiator, rank, {"a", "b"});  // and never "c"
  EXPECT_EQ(negotiator.TakeReady().responses.size(), 2u);
  for (const char* name : {"a", "b"}) {
    for (const int rank : {1, 0, 2}) Ask(negotiator, rank, Grouped(name, "g", 2));
  }
  const ResponseList list = negotiator.TakeReady();
  ASSERT_EQ(list.responses.size(), 2u);
  for (const Response& response : list.responses) EXPECT_TRUE(response.error.ok());
}

TEST(NegotiatorGroups, WhoLeavesEndsDisputes) {
  for (const bool joins : {false, true}) {
    Negotiator negotiator(3);
    for (const int rank : {0, 1, 2}) AskInTheirSizes(negotiator, rank, {"a"});
    EXPECT_EQ(negotiator.TakeReady().responses.size(), 1u);
    Ask(negotiator, 1, Grouped("a", "g", 3));  // anew
    if (joins) {
      Ask(negotiator, 1, Named("ronde.join", kWorld, OperationKind::kJoin));
    } else {
      ASSERT_TRUE(negotiator.MarkShutdown(1).ok());
    }
    for (const int rank : {0, 2}) Ask(negotiator, rank, Grouped("a", "g", 1));
    const ResponseList list = negotiator.TakeReady();
    ASSERT_EQ(list.responses.size(), 1u);
    EXPECT_EQ(list.responses[0].error.code(), StatusCode::kMismatch) << "what it asked for counts";
  }
}

}  // namespace
}  // namespace ronde
