#include "core/control/process_sets.h"

#include <gtest/gtest.h>

namespace ronde {
namespace {

TEST(ProcessSets, BeginWithTheWorld) {
  const ProcessSets sets(3);
  ASSERT_NE(sets.Find(kWorld), nullptr);
  EXPECT_EQ(*sets.Find(kWorld), (std::vector<int>{0, 1, 2}));
  EXPECT_TRUE(sets.Contains(kWorld, 2));
  EXPECT_FALSE(sets.Contains(kWorld, 3));
  EXPECT_EQ(sets.next_number(), 1);
  EXPECT_EQ(sets.Find(1), nullptr);
}

TEST(ProcessSets, NumbersAscendAndAreNotUsedTwice) {
  ProcessSets sets(4);
  sets.Add({1, 3});
  sets.Add({1, 3});
  EXPECT_TRUE(sets.Contains(2, 3));
  EXPECT_FALSE(sets.Contains(2, 2));
  sets.Remove(2);
  EXPECT_EQ(sets.Find(2), nullptr);
  EXPECT_FALSE(sets.Contains(2, 3));
  EXPECT_TRUE(sets.Contains(1, 3)) << "the other one stays";
  sets.Add({0});
  EXPECT_EQ(sets.Find(2), nullptr);
  EXPECT_EQ(*sets.Find(3), std::vector<int>{0});
}

TEST(ProcessSets, MembersStayWhereTheyAreUntilRemoval) {
  ProcessSets sets(4);
  sets.Add({0, 2});
  const std::vector<int>* members = sets.Find(1);
  for (int i = 0; i < 100; ++i) sets.Add({i % 4});
  sets.Remove(50);
  EXPECT_EQ(sets.Find(1), members);
}

TEST(ProcessSets, KeysTellSetsApart) {
  Request request;
  request.name = "w";
  EXPECT_EQ(KeyOf(request), "w");
  request.process_set = 1;
  EXPECT_NE(KeyOf(request), "w");
  EXPECT_NE(KeyOf(request), KeyOf(11, "w"));
  EXPECT_NE(KeyOf(1, "w1"), KeyOf(11, "w"));
  EXPECT_EQ(KeyOf(request), KeyOf(1, "w"));
}

TEST(ProcessSets, ChangingThemTakesTheWholeWorld) {
  Request request;
  request.name = "w";
  request.process_set = 7;
  EXPECT_EQ(SetOf(request), 7);
  request.kind = OperationKind::kRemoveProcessSet;
  EXPECT_EQ(SetOf(request), kWorld);
  EXPECT_EQ(KeyOf(request), "w");
  request.kind = OperationKind::kAddProcessSet;
  EXPECT_EQ(SetOf(request), kWorld);
}

}  // namespace
}  // namespace ronde
