// Operations that ranks ask for by their slots in the response cache.
#include <algorithm>

#include <gtest/gtest.h>

#include "core/base/strcat.h"
#include "core/control/negotiator.h"

namespace ronde {
namespace {

using Slots = std::vector<std::uint32_t>;
using Strings = std::vector<std::string>;

Request Named(const std::string& name, Shape shape = {2}) {
  Request request;
  request.name = name;
  request.shape = std::move(shape);
  return request;
}

Request Grouped(const std::string& name, int size) {
  Request request = Named(name);
  request.group = "g";
  request.group_size = size;
  return request;
}

/// Ranks that keep their caches as the lists say: a slot each for names that they have asked for.
class Job {
 public:
  Job(int size, int capacity) : size_(size), negotiator(size, capacity) {}

  /// By slot where there is one, else in full.
  void Ask(int rank, const Request& request) {
    const int slot = SlotOf(request.name);
    if (slot >= 0 && requests_[slot] == request) {
      negotiator.AddCached(slot, std::span(&rank, 1), rank, list_, 0);
      return;
    }
    ASSERT_TRUE(negotiator.AddRequest(rank, request, 0).ok());
  }
  void AskAll(const Request& request) {
    for (int rank = 0; rank < size_; ++rank) Ask(rank, request);
  }
  /// The next list as the ranks see it; fails where it says what they cannot know.
  Strings Take() {
    const ResponseList list = negotiator.TakeReady();
    list_ = list.number;
    evicted = list.evicted;
    for (const std::uint32_t slot : list.evicted) Forget(static_cast<int>(slot));
    Strings names;
    errors.clear();
    for (const Response& response : list.responses) {
      names.push_back(response.request.name);
      errors.push_back(response.error);
      if (response.slot < 0) continue;
      EXPECT_EQ(SlotOf(response.request.name), -1) << "a name has one slot";
      if (static_cast<int>(names_.size()) <= response.slot) {
        names_.resize(response.slot + 1);
        requests_.resize(response.slot + 1);
      }
      EXPECT_EQ(names_[response.slot], "") << "slot " << response.slot << " was not evicted before";
      names_[response.slot] = response.request.name;
      requests_[response.slot] = response.request;
    }
    cached_count = list.cached.size();
    for (const std::uint32_t slot : list.cached) {
      const bool known = slot < names_.size() && !names_[slot].empty();
      EXPECT_TRUE(known) << "answered from slot " << slot << ", which is empty here";
      if (known) names.push_back(names_[slot]);
    }
    return names;
  }
  int SlotOf(const std::string& name) const {
    const auto found = std::find(names_.begin(), names_.end(), name);
    return found == names_.end() ? -1 : static_cast<int>(found - names_.begin());
  }
  std::uint64_t list() const { return list_; }

 private:
  void Forget(int slot) {
    if (slot < static_cast<int>(names_.size())) names_[slot].clear();
  }

  const int size_;
  std::uint64_t list_ = 0;
  Strings names_;  // by slot
  std::vector<Request> requests_;

 public:
  Negotiator negotiator;
  std::vector<Status> errors;  // of the last list's responses
  Slots evicted;
  std::size_t cached_count = 0;
};

TEST(NegotiatorCache, WhatWasAgreedIsAskedForAndAnsweredByItsSlot) {
  Job job(3, 4);
  job.AskAll(Named("w"));
  EXPECT_EQ(job.Take(), Strings{"w"});
  EXPECT_EQ(job.cached_count, 0u);
  for (int round = 0; round < 3; ++round) {
    job.Ask(2, Named("w"));
    job.Ask(0, Named("w"));
    EXPECT_FALSE(job.negotiator.has_ready());
    job.Ask(1, Named("w"));
    EXPECT_EQ(job.Take(), Strings{"w"});
    EXPECT_EQ(job.cached_count, 1u);
  }
  EXPECT_TRUE(job.negotiator.is_quiet());
}

TEST(NegotiatorCache, WithoutCapacityNothingHasASlot) {
  Job job(2, 0);
  for (int round = 0; round < 2; ++round) {
    job.AskAll(Named("w"));
    EXPECT_EQ(job.Take(), Strings{"w"});
    EXPECT_EQ(job.SlotOf("w"), -1);
  }
}

TEST(NegotiatorCache, ARankThatAsksTwiceForTheSameRoundCountsOnce) {
  Job job(2, 4);
  job.AskAll(Named("w"));
  (void)job.Take();
  for (int i = 0; i < 3; ++i) job.Ask(1, Named("w"));
  EXPECT_FALSE(job.negotiator.has_ready());
  job.Ask(0, Named("w"));
  EXPECT_EQ(job.Take(), Strings{"w"});
}

TEST(NegotiatorCache, WhoeverHadNotSeenTheLastAnswerSpeaksOfIt) {
  Job job(2, 4);
  job.AskAll(Named("w"));
  (void)job.Take();
  const std::uint64_t before = job.list();
  job.AskAll(Named("w"));
  (void)job.Take();
  const std::vector<int> both = {0, 1};
  const int slot = job.SlotOf("w");
  job.negotiator.AddCached(slot, both, 1, before, 0);
  EXPECT_FALSE(job.negotiator.has_ready());
  EXPECT_TRUE(job.negotiator.Waiting().empty());
  for (const int odd : {-1, 4, 1 << 30}) job.negotiator.AddCached(odd, both, 1, 99, 0);
  EXPECT_FALSE(job.negotiator.has_news());
}

TEST(NegotiatorCache, ARankThatAsksForSomethingElseMakesAllAskInFull) {
  Job job(3, 4);
  job.AskAll(Named("w"));
  (void)job.Take();
  job.Ask(0, Named("w"));
  job.Ask(1, Named("w", {3}));
  EXPECT_TRUE(job.negotiator.has_news()) << "rank 0 has to ask again";
  EXPECT_TRUE(job.Take().empty());
  ASSERT_EQ(job.evicted.size(), 1u);
  job.Ask(0, Named("w"));
  job.Ask(2, Named("w"));
  EXPECT_EQ(job.Take(), Strings{"w"});
  EXPECT_EQ(job.errors.at(0).code(), StatusCode::kMismatch);
  EXPECT_EQ(job.SlotOf("w"), -1) << "errors are not remembered";
  // The old request works again, and the slot with it.
  for (const std::size_t cached : {0u, 1u}) {
    job.AskAll(Named("w"));
    EXPECT_EQ(job.Take(), Strings{"w"});
    EXPECT_EQ(job.cached_count, cached);
  }
  EXPECT_TRUE(job.negotiator.is_quiet());
}

TEST(NegotiatorCache, ANewRequestOfAllRanksIsRememberedInPlaceOfTheOld) {
  Job job(2, 4);
  job.AskAll(Named("w"));
  (void)job.Take();
  Request cast = Named("w", {5});
  cast.kind = OperationKind::kBroadcast;
  for (const Request& request : {Named("w", {3}), cast, Named("w")}) {
    job.AskAll(request);
    EXPECT_EQ(job.Take(), Strings{"w"});
    EXPECT_EQ(job.cached_count, 0u);
    job.AskAll(request);
    EXPECT_EQ(job.Take(), Strings{"w"});
    EXPECT_EQ(job.cached_count, 1u);
  }
}

class NegotiatorCacheOf : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Capacity, NegotiatorCacheOf, testing::Values(1, 2, 3));

TEST_P(NegotiatorCacheOf, TheLeastRecentlyUsedMakesRoom) {
  const int capacity = GetParam();
  Job job(2, capacity);
  for (int i = 0; i < capacity; ++i) {
    job.AskAll(Named(StrCat("t", i)));
    (void)job.Take();
  }
  EXPECT_GE(job.SlotOf("t0"), 0);
  job.AskAll(Named("t0"));  // now the most recently used
  (void)job.Take();
  job.AskAll(Named("new"));
  (void)job.Take();
  EXPECT_GE(job.SlotOf("new"), 0);
  EXPECT_EQ(job.SlotOf("t0") >= 0, capacity > 1);
  EXPECT_EQ(job.SlotOf("t1"), -1);
}

TEST_P(NegotiatorCacheOf, MoreNamesThanSlotsWorkAlsoWhileOthersWait) {
  const int capacity = GetParam();
  Job job(2, capacity);
  for (int step = 0; step < 50; ++step) {
    const Strings names = {StrCat("t", step % 5), StrCat("t", (step * 3 + 1) % 5)};
    if (names[0] == names[1]) continue;
    for (const std::string& name : names) job.Ask(0, Named(name));
    // A list in between may evict what rank 0 has asked for by slot.
    job.AskAll(Named(StrCat("between", step % 2)));
    Strings answered = job.Take();
    for (const std::string& name : names) {
      const std::vector<WaitingTensor> waiting = job.negotiator.Waiting();
      const bool waits = std::any_of(waiting.begin(), waiting.end(),
                                     [&](const auto& tensor) { return tensor.name == name; });
      if (!waits) job.Ask(0, Named(name));  // as the rank does for an evicted slot
      job.Ask(1, Named(name));
    }
    while (job.negotiator.has_news()) {
      const Strings more = job.Take();
      answered.insert(answered.end(), more.begin(), more.end());
      for (const std::string& name : names) {
        if (std::count(answered.begin(), answered.end(), name) > 0) continue;
        const std::vector<WaitingTensor> waiting = job.negotiator.Waiting();
        for (int rank = 0; rank < 2; ++rank) {
          const bool waits = std::any_of(waiting.begin(), waiting.end(), [&](const auto& tensor) {
            return tensor.name == name &&
                   std::count(tensor.waiting.begin(), tensor.waiting.end(), rank) > 0;
          });
          if (!waits) job.Ask(rank, Named(name));
        }
      }
    }
    for (const std::string& name : names) {
      EXPECT_EQ(std::count(answered.begin(), answered.end(), name), 1) << name << " at " << step;
    }
    ASSERT_TRUE(job.negotiator.is_quiet()) << "step " << step;
  }
}

TEST(NegotiatorCache, WhatAListSpeaksOfKeepsItsSlotInIt) {
  Job job(2, 1);
  job.AskAll(Named("a"));
  (void)job.Take();
  job.AskAll(Named("a"));
  job.AskAll(Named("b"));
  EXPECT_EQ(job.Take(), (Strings{"b", "a"}));
  EXPECT_EQ(job.cached_count, 1u);
  EXPECT_EQ(job.SlotOf("b"), -1);
  job.AskAll(Named("b"));
  job.AskAll(Named("c"));
  EXPECT_EQ(job.Take(), (Strings{"b", "c"}));
  EXPECT_GE(job.SlotOf("b"), 0);
}

TEST(NegotiatorCache, ACachedMemberThatAGroupHoldsBackKeepsItsSlot) {
  Job job(2, 2);
  for (const char* name : {"a", "b"}) job.AskAll(Grouped(name, 2));
  EXPECT_EQ(job.Take(), (Strings{"a", "b"}));
  job.AskAll(Grouped("a", 2));
  EXPECT_TRUE(job.Take().empty());
  for (const char* name : {"x", "y", "z", "x"}) {
    job.AskAll(Named(name));
    EXPECT_EQ(job.Take(), Strings{name});
  }
  job.AskAll(Grouped("b", 2));
  Strings names = job.Take();
  std::sort(names.begin(), names.end());
  EXPECT_EQ(names, (Strings{"a", "b"}));
}

TEST(NegotiatorCache, ANewMemberThatAGroupHoldsBackHasItsSlotForItself) {
  Job job(2, 1);
  job.AskAll(Grouped("a", 2));
  EXPECT_TRUE(job.Take().empty());
  for (const char* name : {"x", "y"}) {
    job.AskAll(Named(name));
    EXPECT_EQ(job.Take(), Strings{name});
  }
  job.AskAll(Grouped("b", 2));
  Strings names = job.Take();
  std::sort(names.begin(), names.end());
  EXPECT_EQ(names, (Strings{"a", "b"}));
  for (const char* name : {"x", "y", "x"}) {
    job.AskAll(Named(name));
    EXPECT_EQ(job.Take(), Strings{name});
  }
}

TEST(NegotiatorCache, AMemberThatIsLetGoKeepsItsSlotInThatList) {
  Job job(2, 2);
  for (const char* name : {"a", "b"}) job.AskAll(Grouped(name, 2));
  (void)job.Take();
  job.AskAll(Grouped("a", 2));
  (void)job.Take();
  job.AskAll(Grouped("b", 2));
  job.AskAll(Named("x"));  // in the same list
  Strings names = job.Take();
  std::sort(names.begin(), names.end());
  EXPECT_EQ(names, (Strings{"a", "b", "x"}));
}

TEST(NegotiatorCache, SlotsOfARankThatHasShutDownFailNamingIt) {
  Job job(3, 4);
  job.AskAll(Named("w"));
  (void)job.Take();
  job.Ask(0, Named("w"));
  ASSERT_TRUE(job.negotiator.MarkShutdown(2).ok());
  EXPECT_EQ(job.Take(), Strings{"w"});
  EXPECT_EQ(job.errors.at(0),
            Status::Shutdown("tensor 'w' needs rank 2, which has shut down without submitting it"));
  job.Ask(1, Named("w"));
  EXPECT_EQ(job.Take(), Strings{"w"});
  EXPECT_EQ(job.errors.at(0).code(), StatusCode::kShutdown);
}

TEST(NegotiatorCache, WhatALeaverHadAskedForSurvivesTheSlot) {
  for (const bool joins : {false, true}) {
    Job job(3, 4);
    Request gather = Named("rows");
    gather.kind = OperationKind::kAllgather;
    for (int rank = 0; rank < 3; ++rank) {
      gather.shape = {rank + 5};
      ASSERT_TRUE(job.negotiator.AddRequest(rank, gather, 0).ok());
    }
    const ResponseList first = job.negotiator.TakeReady();
    const int slot = first.responses.at(0).slot;
    const std::vector<int> leaver = {2};
    job.negotiator.AddCached(slot, leaver, 2, first.number, 0);
    if (joins) {
      Request join;
      join.name = "ronde.join";
      join.kind = OperationKind::kJoin;
      ASSERT_TRUE(job.negotiator.AddRequest(2, join, 0).ok());
    } else {
      ASSERT_TRUE(job.negotiator.MarkShutdown(2).ok());
    }
    // The others have other rows now, so that the slot is evicted.
    gather.shape = {1};
    for (const int rank : {0, 1}) {
      ASSERT_TRUE(job.negotiator.AddRequest(rank, gather, 0).ok());
    }
    const ResponseList list = job.negotiator.TakeReady();
    ASSERT_EQ(list.responses.size(), 1u);
    EXPECT_TRUE(list.responses[0].error.ok()) << list.responses[0].error.message();
    EXPECT_EQ(list.responses[0].rank_extents, (std::vector<std::int64_t>{1, 1, 7}));
    EXPECT_FALSE(job.negotiator.waiting_since_ns().has_value());
  }
}

TEST(NegotiatorCache, ReportsWhoHasAskedBySlot) {
  Job job(3, 4);
  job.AskAll(Named("w"));
  (void)job.Take();
  job.Ask(1, Named("w"));
  const std::vector<WaitingTensor> waiting = job.negotiator.Waiting();
  ASSERT_EQ(waiting.size(), 1u);
  EXPECT_EQ(waiting[0].name, "w");
  EXPECT_EQ(waiting[0].waiting, std::vector<int>{1});
  EXPECT_EQ(waiting[0].missing, (std::vector<int>{0, 2}));
}

TEST(NegotiatorCache, TellsWhoIsBelowARankAndThere) {
  Job job(6, 4);
  job.AskAll(Named("w"));
  (void)job.Take();
  const int slot = job.SlotOf("w");
  constexpr std::uint64_t kNow = UINT64_MAX;
  EXPECT_EQ(job.negotiator.RanksBelow(slot, 1, kNow), (std::vector<int>{1, 3, 4}));
  EXPECT_EQ(job.negotiator.RanksBelow(slot, 2, kNow), (std::vector<int>{2, 5}));
  ASSERT_TRUE(job.negotiator.MarkShutdown(3).ok());
  EXPECT_EQ(job.negotiator.RanksBelow(slot, 1, kNow), (std::vector<int>{1, 4}));
  EXPECT_TRUE(job.negotiator.RanksBelow(99, 1, kNow).empty());
  EXPECT_TRUE(job.negotiator.RanksBelow(-1, 1, kNow).empty());
}

}  // namespace
}  // namespace ronde
