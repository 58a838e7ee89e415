// Ranks that have joined: what the others can still do, and how it ends.
#include <gtest/gtest.h>

#include "core/control/negotiator.h"
#include "core/control/stand_in.h"

namespace ronde {
namespace {

using Strings = std::vector<std::string>;
using Numbers = std::vector<std::int64_t>;

Request Named(const std::string& name, OperationKind kind = OperationKind::kAllreduce) {
  Request request;
  request.kind = kind;
  request.name = name;
  request.shape = {2};
  return request;
}

Request Join() { return Named("ronde.join", OperationKind::kJoin); }

Strings Names(const ResponseList& list) {
  Strings names;
  for (const Response& response : list.responses) names.push_back(response.request.name);
  return names;
}

void Ask(Negotiator& negotiator, int rank, const Request& request, std::int64_t now_ns = 0) {
  const Status status = negotiator.AddRequest(rank, request, now_ns);
  ASSERT_TRUE(status.ok()) << status.message();
}

TEST(NegotiatorJoined, TheJoinEndsWithTheLastRankAndNamesIt) {
  Negotiator negotiator(3);
  for (const int rank : {2, 0}) Ask(negotiator, rank, Join());
  EXPECT_FALSE(negotiator.has_ready());
  EXPECT_TRUE(negotiator.has_news()) << "nobody is to wait for them";
  const ResponseList news = negotiator.TakeReady();
  EXPECT_TRUE(news.absent_changed);
  EXPECT_EQ(news.absent, (std::vector<std::int32_t>{0, 2}));
  Ask(negotiator, 1, Join());
  const ResponseList list = negotiator.TakeReady();
  ASSERT_EQ(list.responses.size(), 1u);
  EXPECT_TRUE(list.responses[0].error.ok());
  EXPECT_EQ(list.responses[0].request.kind, OperationKind::kJoin);
  EXPECT_EQ(list.responses[0].request.root, 1);
  EXPECT_TRUE(list.absent_changed);
  EXPECT_TRUE(list.absent.empty());
  // Everything is as before.
  EXPECT_TRUE(negotiator.is_quiet());
  for (const int rank : {0, 1, 2}) Ask(negotiator, rank, Named("w"));
  EXPECT_EQ(Names(negotiator.TakeReady()), Strings{"w"});
  for (const int rank : {1, 2, 0}) Ask(negotiator, rank, Join());
  EXPECT_EQ(negotiator.TakeReady().responses.at(0).request.root, 0);
}

TEST(NegotiatorJoined, OneRankJoinsAtOnce) {
  Negotiator negotiator(1);
  Ask(negotiator, 0, Join());
  EXPECT_EQ(negotiator.TakeReady().responses.at(0).request.root, 0);
  Ask(negotiator, 0, Named("w"));
  EXPECT_TRUE(negotiator.has_ready());
}

TEST(NegotiatorJoined, ARankThatHasJoinedSubmitsNothing) {
  Negotiator negotiator(2);
  Ask(negotiator, 1, Join());
  EXPECT_EQ(negotiator.AddRequest(1, Named("w"), 0).code(), StatusCode::kInternal);
  EXPECT_EQ(negotiator.AddRequest(1, Join(), 0).code(), StatusCode::kInternal);
}

TEST(NegotiatorJoined, EveryKindWorksOrFailsAsItsMeaningSays) {
  using enum OperationKind;
  for (const OperationKind kind :
       {kAllreduce, kBroadcast, kAllgather, kBarrier, kModelAverage, kAllocate, kReducescatter,
        kAlltoall, kAddProcessSet, kRemoveProcessSet}) {
    for (const ReduceOp op : {ReduceOp::kSum, ReduceOp::kAverage, ReduceOp::kMax}) {
      for (const int root : {0, 2}) {
        Negotiator negotiator(3, 4);
        Ask(negotiator, 2, Join());
        (void)negotiator.TakeReady();
        Request request = Named("w", kind);
        request.op = op;
        request.root = root;
        if (kind == kAlltoall) request.splits = {1, 1, 0};
        if (kind == kModelAverage) request.window = {.period = 1, .origin = 0, .step = 1};
        if (kind == kAddProcessSet) request.members = {0, 1};
        if (kind == kRemoveProcessSet) request.process_set = 1;
        for (const int rank : {0, 1}) Ask(negotiator, rank, request);
        const ResponseList list = negotiator.TakeReady();
        ASSERT_EQ(list.responses.size(), 1u) << Name(kind);
        const Response& response = list.responses[0];
        const std::vector<int> joined = {2};
        EXPECT_EQ(response.error, CheckJoined(request, joined, root == 2)) << Name(kind);
        EXPECT_EQ(response.slot, -1) << "what ranks have agreed on is not the whole of it";
        if (kind != kAllgather || !response.error.ok()) continue;
        EXPECT_EQ(response.rank_extents, (Numbers{2, 2, 0}));
      }
    }
  }
}

TEST(NegotiatorJoined, WhatWaitsForARankIsAnsweredWhenItJoins) {
  Negotiator negotiator(3);
  Ask(negotiator, 0, Named("a"), 1);
  Ask(negotiator, 1, Named("a"), 1);
  Ask(negotiator, 1, Named("later"), 2);
  EXPECT_FALSE(negotiator.has_ready());
  Ask(negotiator, 2, Join(), 3);
  EXPECT_EQ(Names(negotiator.TakeReady()), Strings{"a"});
  Ask(negotiator, 0, Named("later"), 4);
  EXPECT_EQ(Names(negotiator.TakeReady()), Strings{"later"});
}

TEST(NegotiatorJoined, WhatARankAskedForBeforeItJoinedIsItsOwn) {
  Negotiator negotiator(2);
  Request gather = Named("rows", OperationKind::kAllgather);
  gather.shape = {5};
  Ask(negotiator, 1, gather);
  Ask(negotiator, 1, Join());
  gather.shape = {3};
  Ask(negotiator, 0, gather);
  EXPECT_EQ(negotiator.TakeReady().responses.at(0).rank_extents, (Numbers{3, 5}));
}

TEST(NegotiatorJoined, WhatWaitsIsAnsweredBeforeTheJoinEnds) {
  Negotiator negotiator(3);
  Ask(negotiator, 2, Join(), 1);
  Ask(negotiator, 0, Named("w"), 2);
  Ask(negotiator, 0, Join(), 3);
  Ask(negotiator, 1, Join(), 4);
  EXPECT_EQ(Names(negotiator.TakeReady()), (Strings{"w", "ronde.join"}));
  EXPECT_TRUE(negotiator.Waiting().empty());
  EXPECT_TRUE(negotiator.is_quiet());
}

TEST(NegotiatorJoined, WhatWaitsIsAnsweredBeforeTheJoinEndsAlsoWhereItCameWithIt) {
  Negotiator negotiator(2);
  Ask(negotiator, 0, Named("z"), 1);
  Ask(negotiator, 0, Join(), 1);
  Ask(negotiator, 1, Join(), 1);
  EXPECT_EQ(Names(negotiator.TakeReady()), (Strings{"z", "ronde.join"}));
}

TEST(NegotiatorJoined, AMismatchAmongTheOthersIsStillOne) {
  Negotiator negotiator(3);
  Ask(negotiator, 0, Join());
  Ask(negotiator, 1, Named("w"));
  Request other = Named("w");
  other.shape = {3};
  Ask(negotiator, 2, other);
  EXPECT_EQ(negotiator.TakeReady().responses.at(0).error.code(), StatusCode::kMismatch);
}

TEST(NegotiatorJoined, AnObjectionAndPlacesAreNotTheJoinedRanks) {
  Negotiator negotiator(3);
  Ask(negotiator, 2, Join());
  Request request = Named("w");
  request.input_place = {.block = 1, .offset = 0};
  request.output_place = request.input_place;
  for (const int rank : {0, 1}) Ask(negotiator, rank, request);
  const Response response = negotiator.TakeReady().responses.at(0);
  EXPECT_TRUE(response.error.ok());
  EXPECT_FALSE(response.request.input_place.registered()) << "rank 2 has zeros of its own";
  EXPECT_FALSE(response.request.output_place.registered());
}

TEST(NegotiatorJoined, CachedOperationsAreAnsweredInFullAndKeepTheirSlot) {
  Negotiator negotiator(3, 4);
  Request gather = Named("rows", OperationKind::kAllgather);
  for (const int rank : {0, 1, 2}) Ask(negotiator, rank, gather);
  const ResponseList first = negotiator.TakeReady();
  const int slot = first.responses.at(0).slot;
  ASSERT_GE(slot, 0);
  Ask(negotiator, 1, Join());
  const std::uint64_t as_of = negotiator.TakeReady().number;
  const std::vector<int> others = {0, 2};
  negotiator.AddCached(slot, others, 2, as_of, 0);
  ResponseList list = negotiator.TakeReady();
  EXPECT_TRUE(list.cached.empty());
  ASSERT_EQ(list.responses.size(), 1u);
  EXPECT_EQ(list.responses[0].rank_extents, (Numbers{2, 0, 2}));
  EXPECT_EQ(list.responses[0].slot, -1);
  for (const int rank : {0, 2}) Ask(negotiator, rank, Join());
  (void)negotiator.TakeReady();
  const std::vector<int> all = {0, 1, 2};
  negotiator.AddCached(slot, all, 2, 100, 0);
  list = negotiator.TakeReady();
  EXPECT_EQ(list.cached, std::vector<std::uint32_t>{static_cast<std::uint32_t>(slot)});
}

TEST(NegotiatorJoined, RanksThatHaveJoinedAreNotReportedAsStalled) {
  Negotiator negotiator(3);
  Ask(negotiator, 2, Join(), 1);
  EXPECT_TRUE(negotiator.Waiting().empty());
  EXPECT_FALSE(negotiator.waiting_since_ns().has_value());
  Ask(negotiator, 1, Named("w"), 2);
  const std::vector<WaitingTensor> waiting = negotiator.Waiting();
  ASSERT_EQ(waiting.size(), 1u);
  EXPECT_EQ(waiting[0].waiting, std::vector<int>{1});
  EXPECT_EQ(waiting[0].missing, std::vector<int>{0});
  EXPECT_TRUE(negotiator.waiting_since_ns().has_value());
}

TEST(NegotiatorJoined, AJoinThatCannotEndFails) {
  Negotiator negotiator(3);
  Ask(negotiator, 1, Join());
  ASSERT_TRUE(negotiator.MarkShutdown(2).ok());
  const ResponseList list = negotiator.TakeReady();
  ASSERT_EQ(Names(list), Strings{"ronde.join"});
  EXPECT_EQ(list.responses[0].error.code(), StatusCode::kShutdown);
  EXPECT_EQ(list.absent, std::vector<std::int32_t>{2});
  // Rank 1 goes on without it.
  Ask(negotiator, 1, Named("w"));
  EXPECT_EQ(negotiator.TakeReady().responses.at(0).error.code(), StatusCode::kShutdown);
}

TEST(NegotiatorJoined, OnlyMembersOfAProcessSetMatterToIt) {
  Negotiator negotiator(3);
  Request add = Named("add", OperationKind::kAddProcessSet);
  add.members = {0, 2};
  for (const int rank : {0, 1, 2}) Ask(negotiator, rank, add);
  Ask(negotiator, 1, Join());
  (void)negotiator.TakeReady();
  Request max = Named("w");
  max.process_set = 1;
  max.op = ReduceOp::kMax;
  for (const int rank : {0, 2}) Ask(negotiator, rank, max);
  EXPECT_TRUE(negotiator.TakeReady().responses.at(0).error.ok());
}

TEST(NegotiatorJoined, RootsCountTheRanksOfTheSet) {
  Negotiator negotiator(4);
  Request add = Named("add", OperationKind::kAddProcessSet);
  add.members = {1, 3};
  for (const int rank : {0, 1, 2, 3}) Ask(negotiator, rank, add);
  Ask(negotiator, 1, Join());
  (void)negotiator.TakeReady();
  Request cast = Named("w", OperationKind::kBroadcast);
  cast.process_set = 1;
  cast.root = 1;  // world rank 3, which is there
  Ask(negotiator, 3, cast);
  EXPECT_TRUE(negotiator.TakeReady().responses.at(0).error.ok());
  cast.root = 0;  // world rank 1
  Ask(negotiator, 3, cast);
  EXPECT_EQ(negotiator.TakeReady().responses.at(0).error.code(), StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace ronde
