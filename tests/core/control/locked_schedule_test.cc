#include "core/control/locked_schedule.h"

#include <vector>

#include <gtest/gtest.h>

namespace ronde {
namespace {

using Slots = std::vector<std::uint32_t>;

/// Units {7, 3} and {5}.
Lock TwoUnits() { return {.number = 4, .slots = {7, 3, 5}, .unit_ends = {2, 3}}; }

Slots NextUnitOf(const LockedSchedule& schedule) {
  const auto unit = schedule.NextUnit();
  return {unit.begin(), unit.end()};
}

TEST(LockedSchedule, ContainsItsSlotsAndNoOthers) {
  const LockedSchedule schedule(TwoUnits(), 0);
  for (const int slot : {3, 5, 7}) EXPECT_TRUE(schedule.Contains(slot));
  for (const int slot : {0, 4, 8, 1000}) EXPECT_FALSE(schedule.Contains(slot));
}

TEST(LockedSchedule, PledgesAUnitOnceAllOfItIsAskedForInAnyOrder) {
  LockedSchedule schedule(TwoUnits(), 0);
  schedule.MarkAsked(3, 0);
  EXPECT_FALSE(schedule.Pledge(0));
  schedule.MarkAsked(7, 0);
  EXPECT_TRUE(schedule.Pledge(0));
  EXPECT_EQ(schedule.pledged(), 1u);
  EXPECT_FALSE(schedule.Pledge(0));
}

TEST(LockedSchedule, KeepsToTheOrderOfUnits) {
  LockedSchedule schedule(TwoUnits(), 0);
  schedule.MarkAsked(5, 0);
  EXPECT_FALSE(schedule.Pledge(0));  // {7, 3} is first
  schedule.MarkAsked(7, 0);
  schedule.MarkAsked(3, 0);
  EXPECT_TRUE(schedule.Pledge(0));
  EXPECT_EQ(schedule.pledged(), 2u);
  EXPECT_EQ(NextUnitOf(schedule), (Slots{7, 3}));
  schedule.MarkExecuted(0);
  EXPECT_EQ(NextUnitOf(schedule), Slots{5});
  schedule.MarkExecuted(0);
  EXPECT_EQ(NextUnitOf(schedule), (Slots{7, 3}));
  EXPECT_EQ(schedule.rounds(), 1u);
}

TEST(LockedSchedule, PledgesNothingMoreOnceFrozen) {
  LockedSchedule schedule(TwoUnits(), 0);
  schedule.Freeze();
  schedule.MarkAsked(7, 0);
  schedule.MarkAsked(3, 0);
  EXPECT_FALSE(schedule.Pledge(0));
  EXPECT_EQ(schedule.pledged(), 0u);
}

TEST(LockedSchedule, GivesUpSoonerOnItsOwnDisorderThanOnOthers) {
  LockedSchedule schedule(TwoUnits(), 0);
  EXPECT_EQ(schedule.GiveUpNs(20, 1000), INT64_MAX);  // waits for nothing
  schedule.MarkAsked(5, 100);
  EXPECT_EQ(schedule.GiveUpNs(20, 1000), 120);
  schedule.MarkAsked(7, 110);
  schedule.MarkAsked(3, 110);
  ASSERT_TRUE(schedule.Pledge(110));
  EXPECT_EQ(schedule.GiveUpNs(20, 1000), 1110);
  schedule.Freeze();
  EXPECT_EQ(schedule.GiveUpNs(20, 1000), INT64_MAX);
}

TEST(PledgeWord, TellsThePledgesOfOneLockOnly) {
  const std::uint64_t word = PledgeWord(3, 70'000'000'000);
  EXPECT_EQ(PledgedIn(word, 3), 70'000'000'000u);
  EXPECT_EQ(PledgedIn(word, 2), 0u);
  EXPECT_EQ(PledgedIn(0, 1), 0u);
}

}  // namespace
}  // namespace ronde
