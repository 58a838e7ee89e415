#include "core/control/readiness_tree.h"

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <set>

#include <gtest/gtest.h>

#include "core/base/strcat.h"

namespace ronde {
namespace {

constexpr std::int64_t kPatienceNs = 1000;
using Slots = std::vector<std::uint32_t>;
using Ints = std::vector<int>;

TEST(RankTree, EveryRankButTheFirstIsAChildOfItsParent) {
  for (int size = 1; size <= 65; ++size) {
    std::set<int> seen;
    for (int rank = 0; rank < size; ++rank) {
      const Ints children = RankTree(rank, size).children();
      EXPECT_LE(children.size(), 2u);
      for (const int child : children) {
        EXPECT_EQ(RankTree(child, size).parent(), rank);
        EXPECT_TRUE(seen.insert(child).second);
      }
    }
    EXPECT_EQ(seen.size(), static_cast<std::size_t>(size) - 1);
  }
}

TEST(RankTree, BelowMeansOnTheWayToTheRoot) {
  for (int rank = 0; rank < 64; ++rank) {
    std::set<int> above = {rank};
    for (int r = rank; r > 0;) above.insert(r = RankTree(r, 64).parent());
    for (int root = 0; root < 64; ++root) {
      EXPECT_EQ(RankTree::IsBelow(rank, root), above.contains(root)) << rank << " " << root;
    }
  }
}

/// What one rank knows; slots 0.. are operations of the given process sets.
struct Node {
  Node(int rank, int size, const std::vector<std::vector<std::int64_t>>& more_sets = {},
       const Ints& set_of_slot = {kWorld})
      : sets(size), tree(rank, size, sets, cache, kPatienceNs) {
    for (const auto& members : more_sets) sets.Add(members);
    for (std::size_t slot = 0; slot < set_of_slot.size(); ++slot) {
      auto response = std::make_shared<Response>();
      response->request.name = StrCat("t", slot);
      response->request.process_set = set_of_slot[slot];
      cache.Put(static_cast<int>(slot), response, &response->request, 1);
    }
  }
  RequestList Take(std::int64_t now_ns = 0) {
    RequestList list;
    taken = tree.Take(list, now_ns);
    list.as_of = as_of;
    return list;
  }
  ProcessSets sets;
  ResponseCache cache;
  ReadinessTree tree;
  std::uint64_t as_of = 1;
  bool taken = false;
};

RequestList Complete(Slots slots, std::uint64_t as_of = 1, int last_rank = 1) {
  RequestList list;
  list.complete = std::move(slots);
  list.last_rank = last_rank;
  list.as_of = as_of;
  return list;
}

RequestList Partial(int rank, Slots slots, std::uint64_t as_of = 1) {
  RequestList list;
  list.partial = {{rank, std::move(slots)}};
  list.as_of = as_of;
  return list;
}

TEST(ReadinessTree, ALeafPassesOnWhatItAsksForOnce) {
  Node node(4, 5, {}, {kWorld, kWorld});
  EXPECT_TRUE(node.Take().complete.empty());
  EXPECT_FALSE(node.taken);
  node.tree.AddOwn(1, 0);
  const RequestList list = node.Take();
  EXPECT_TRUE(node.taken);
  EXPECT_EQ(list.complete, Slots{1});
  EXPECT_EQ(list.last_rank, 4);
  EXPECT_TRUE(list.partial.empty());
  EXPECT_TRUE(node.Take().complete.empty());
  EXPECT_FALSE(node.taken);
}

TEST(ReadinessTree, ASlotGoesOnOnceAllBelowHaveAsked) {
  Node node(1, 5);  // above 3 and 4
  node.tree.AddBelow(4, Complete({0}, 1, 4), 0);
  node.tree.AddOwn(0, 0);
  EXPECT_TRUE(node.Take().complete.empty());
  node.tree.AddBelow(3, Complete({0}, 1, 3), 0);
  const RequestList list = node.Take();
  EXPECT_EQ(list.complete, Slots{0});
  EXPECT_EQ(list.last_rank, 3);
}

TEST(ReadinessTree, TheSameSlotCanBeAskedForRoundAfterRound) {
  Node node(1, 4);
  for (int round = 0; round < 3; ++round) {
    node.tree.AddOwn(0, 0);
    EXPECT_TRUE(node.Take().complete.empty());
    node.tree.AddBelow(3, Complete({0}), 0);
    EXPECT_EQ(node.Take().complete, Slots{0});
    node.tree.Forget(0);
    EXPECT_EQ(node.tree.NextWakeNs(), INT64_MAX);
  }
}

TEST(ReadinessTree, WaitsOnlyForMembersOfTheProcessSet) {
  // Slot 0 is of ranks 0 and 4, slot 1 of 1 and 3, slot 2 of 0 and 2.
  const std::vector<std::vector<std::int64_t>> sets = {{0, 4}, {1, 3}, {0, 2}};
  Node node(1, 5, sets, {1, 2, 3});
  node.tree.AddBelow(4, Complete({0}), 0);
  EXPECT_EQ(node.Take().complete, Slots{0});
  node.tree.AddOwn(1, 0);
  EXPECT_TRUE(node.Take().complete.empty());
  node.tree.AddBelow(3, Complete({1}), 0);
  EXPECT_EQ(node.Take().complete, Slots{1});
}

TEST(ReadinessTree, WhatWaitsForLongGoesOnRankByRankAndTheRestAsItComes) {
  Node node(1, 5);
  node.tree.AddOwn(0, 50);
  EXPECT_EQ(node.tree.NextWakeNs(), 50 + kPatienceNs);
  EXPECT_TRUE(node.Take(50 + kPatienceNs - 1).partial.empty());
  RequestList list = node.Take(50 + kPatienceNs);
  ASSERT_EQ(list.partial.size(), 1u);
  EXPECT_EQ(list.partial[0].rank, 1);
  EXPECT_EQ(list.partial[0].slots, Slots{0});
  EXPECT_EQ(node.tree.NextWakeNs(), INT64_MAX) << "nothing is to be said again";
  EXPECT_TRUE(node.Take(1'000'000).partial.empty());

  node.tree.AddBelow(4, Complete({0}), 2'000'000);
  list = node.Take(2'000'000);
  EXPECT_TRUE(list.complete.empty()) << "the parent would count rank 1 twice";
  ASSERT_EQ(list.partial.size(), 1u);
  EXPECT_EQ(list.partial[0].rank, 4);
  node.tree.AddBelow(3, Complete({0}), 2'000'001);
  list = node.Take(2'000'001);
  ASSERT_EQ(list.partial.size(), 1u);
  EXPECT_EQ(list.partial[0].rank, 3);
  EXPECT_TRUE(list.complete.empty());
}

TEST(ReadinessTree, WhatComesRankByRankIsPassedOnAtOnce) {
  Node node(1, 9);  // above 3, 4, 7 and 8
  node.tree.AddBelow(3, Partial(7, {0}), 0);
  const RequestList list = node.Take();
  ASSERT_EQ(list.partial.size(), 1u);
  EXPECT_EQ(list.partial[0].rank, 7);
}

TEST(ReadinessTree, AfterAnAnswerTheNextRoundBeginsPatientAgain) {
  Node node(1, 5);
  node.tree.AddOwn(0, 0);
  EXPECT_FALSE(node.Take(kPatienceNs).partial.empty());
  node.tree.Forget(0);
  node.tree.AddOwn(0, 5000);
  EXPECT_TRUE(node.Take(5000).partial.empty());
  EXPECT_EQ(node.tree.NextWakeNs(), 5000 + kPatienceNs);
}

TEST(ReadinessTree, WhatWasSaidBeforeTheSlotChangedIsStale) {
  Node node(1, 4);
  node.cache.MarkAnswered(0, 5);
  node.tree.AddBelow(3, Complete({0}, 4), 0);
  node.tree.AddBelow(3, Partial(3, {0}, 4), 0);
  node.tree.AddOwn(0, 0);
  EXPECT_TRUE(node.Take().complete.empty()) << "rank 3 spoke of the last round";
  node.tree.AddBelow(3, Complete({0}, 5), 0);
  EXPECT_EQ(node.Take().complete, Slots{0});
}

TEST(ReadinessTree, IgnoresSlotsAndRanksThatDoNotExist) {
  Node node(1, 4);
  node.tree.AddBelow(3, Complete({1, 77, UINT32_MAX}), 0);
  node.tree.AddBelow(3, Partial(-1, {0}), 0);
  node.tree.AddBelow(3, Partial(4, {0}), 0);
  node.tree.AddBelow(3, Partial(3, {UINT32_MAX}), 0);
  node.tree.Forget(99);
  EXPECT_TRUE(node.Take().complete.empty());
  EXPECT_FALSE(node.taken);
}

TEST(ReadinessTree, NobodyWaitsForAbsentRanks) {
  Node node(1, 5);
  node.tree.AddOwn(0, 0);
  node.tree.AddBelow(4, Complete({0}), 0);
  EXPECT_TRUE(node.Take().complete.empty());
  node.tree.SetAbsent({3});
  EXPECT_EQ(node.Take().complete, Slots{0});
  node.tree.SetAbsent({});
  node.tree.Forget(0);
  node.tree.AddOwn(0, 0);
  node.tree.AddBelow(4, Complete({0}), 0);
  EXPECT_TRUE(node.Take().complete.empty()) << "it is back";
}

TEST(ReadinessTree, WhatAnAbsentRankHadAskedForIsNotCounted) {
  Node node(1, 5);
  node.tree.AddBelow(3, Complete({0}), 0);
  node.tree.AddBelow(4, Complete({0}), 0);
  node.tree.SetAbsent({3});
  EXPECT_TRUE(node.Take().complete.empty());
  node.tree.AddOwn(0, 0);
  EXPECT_EQ(node.Take().complete, Slots{0});
}

TEST(ReadinessTree, ARankThatIsAbsentItselfPassesOnWhatTheOthersAskFor) {
  Node node(1, 5);
  node.tree.SetAbsent({1});
  node.tree.AddBelow(3, Complete({0}), 0);
  EXPECT_TRUE(node.Take().complete.empty());
  node.tree.AddBelow(4, Complete({0}), 0);
  EXPECT_EQ(node.Take().complete, Slots{0});
}

TEST(ReadinessTree, AnAbsenceAmongTheToldLosesNobodyElse) {
  Node node(1, 9);
  for (const int rank : {7, 8}) node.tree.AddBelow(3, Partial(rank, {0}), 0);
  EXPECT_EQ(node.Take().partial.size(), 2u);
  node.tree.AddBelow(4, Complete({0}), 0);
  node.tree.SetAbsent({7});
  const RequestList list = node.Take();
  ASSERT_EQ(list.partial.size(), 1u);
  EXPECT_EQ(list.partial[0].rank, 4);
}

/// All ranks of a job ask for slots in an order of their own, and messages arrive in any order that
/// keeps the order of each pair. Counts how often rank 0 hears of each (slot, rank).
class RandomJob {
 public:
  RandomJob(int size, int slot_count, unsigned seed) : size_(size), random_(seed) {
    const std::vector<std::vector<std::int64_t>> sets = {RandomMembers(), RandomMembers()};
    for (int slot = 0; slot < slot_count; ++slot) set_of_slot_.push_back(Draw(3));
    for (int rank = 0; rank < size; ++rank) {
      nodes_.push_back(std::make_unique<Node>(rank, size, sets, set_of_slot_));
      std::vector<int>& mine = to_ask_.emplace_back();
      for (int slot = 0; slot < slot_count; ++slot) {
        if (nodes_[0]->sets.Contains(set_of_slot_[slot], rank)) mine.push_back(slot);
      }
      std::shuffle(mine.begin(), mine.end(), random_);
    }
  }

  /// `hurry`: the chance, in percent, that somebody's patience has ended at a look.
  void Run(int hurry) {
    while (Progress(hurry)) {
    }
    for (std::size_t slot = 0; slot < set_of_slot_.size(); ++slot) {
      for (int rank = 1; rank < size_; ++rank) {
        const bool asks = nodes_[0]->sets.Contains(set_of_slot_[slot], rank);
        const int heard = heard_[{static_cast<int>(slot), rank}];
        EXPECT_EQ(heard, asks ? 1 : 0) << "slot " << slot << " rank " << rank << " of " << size_;
      }
    }
  }

 private:
  int Draw(int below) { return static_cast<int>(random_() % static_cast<unsigned>(below)); }

  std::vector<std::int64_t> RandomMembers() {
    std::vector<std::int64_t> members;
    for (int rank = 0; rank < size_; ++rank) {
      if (Draw(2) == 0) members.push_back(rank);
    }
    if (members.empty()) members.push_back(Draw(size_));
    return members;
  }

  bool Progress(int hurry) {
    // A rank may send what it has while it has more to ask for: patience looks at the clock only.
    Ints active;
    for (int rank = 1; rank < size_; ++rank) {
      if (!to_ask_[rank].empty() || !inbox_[rank].empty()) active.push_back(rank);
    }
    if (active.empty()) return false;
    const int rank = active[Draw(static_cast<int>(active.size()))];
    Node& node = *nodes_[rank];
    if (!inbox_[rank].empty() && (to_ask_[rank].empty() || Draw(2) == 0)) {
      auto [child, list] = std::move(inbox_[rank].front());
      inbox_[rank].pop_front();
      node.tree.AddBelow(child, list, 0);
    } else {
      node.tree.AddOwn(to_ask_[rank].back(), 0);
      to_ask_[rank].pop_back();
    }
    RequestList list = node.Take(Draw(100) < hurry ? kPatienceNs : 0);
    if (!node.taken) return true;
    const int parent = RankTree(rank, size_).parent();
    if (parent == 0) {
      Hear(rank, list);
    } else {
      inbox_[parent].emplace_back(rank, std::move(list));
    }
    return true;
  }

  void Hear(int child, const RequestList& list) {
    for (const std::uint32_t slot : list.complete) {
      for (int rank = child; rank < size_; ++rank) {
        const bool asks = nodes_[0]->sets.Contains(set_of_slot_[slot], rank);
        if (asks && RankTree::IsBelow(rank, child)) ++heard_[{static_cast<int>(slot), rank}];
      }
    }
    for (const RankSlots& some : list.partial) {
      for (const std::uint32_t slot : some.slots) ++heard_[{static_cast<int>(slot), some.rank}];
    }
  }

  const int size_;
  std::mt19937 random_;
  Ints set_of_slot_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::vector<Ints> to_ask_;
  std::map<int, std::deque<std::pair<int, RequestList>>> inbox_;
  std::map<std::pair<int, int>, int> heard_;
};

TEST(ReadinessTree, RankZeroHearsOfEveryAskOnceWhateverTheOrder) {
  for (int size = 2; size <= 17; ++size) {
    for (const int hurry : {0, 10, 100}) {
      for (unsigned seed = 0; seed < 8; ++seed) {
        SCOPED_TRACE(StrCat("ranks ", size, " hurry ", hurry, " seed ", seed));
        RandomJob(size, 6, seed).Run(hurry);
        if (testing::Test::HasFailure()) return;
      }
    }
  }
}

}  // namespace
}  // namespace ronde
