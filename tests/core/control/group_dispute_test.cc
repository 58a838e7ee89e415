#include "core/control/group_dispute.h"

#include <gtest/gtest.h>

namespace ronde {
namespace {

TEST(GroupDispute, KnowsWhoMayStillCome) {
  GroupDispute dispute(Status::Mismatch("sizes"), 3);
  EXPECT_TRUE(dispute.IsComing(0, "c")) << "it has not spoken yet";
  EXPECT_TRUE(dispute.Note(0, "a", 2));
  EXPECT_TRUE(dispute.IsComing(0, "c"));
  EXPECT_TRUE(dispute.Note(0, "b", 2));
  EXPECT_FALSE(dispute.IsComing(0, "c"));
  EXPECT_TRUE(dispute.IsComing(0, "b")) << "where its slot was evicted, it asks again";
  EXPECT_TRUE(dispute.Note(0, "b", 2));
  EXPECT_TRUE(dispute.Note(1, "c", 3));
  EXPECT_TRUE(dispute.IsComing(1, "b"));
  dispute.MarkGone(2);
  EXPECT_FALSE(dispute.IsComing(2, "a"));
}

TEST(GroupDispute, IsOverOnceAllThatRanksSpeakOfWasAnswered) {
  GroupDispute dispute(Status::Mismatch("sizes"), 2);
  EXPECT_TRUE(dispute.Note(0, "a", 1));
  EXPECT_TRUE(dispute.Note(1, "a", 2));
  dispute.MarkAnswered("a");
  EXPECT_FALSE(dispute.IsOver()) << "rank 1 has one more";
  EXPECT_TRUE(dispute.Note(1, "b", 2));
  EXPECT_FALSE(dispute.IsOver());
  dispute.MarkAnswered("b");
  EXPECT_TRUE(dispute.IsOver());
}

TEST(GroupDispute, TellsTheNextUseOfTheGroupFromThisOne) {
  GroupDispute dispute(Status::Mismatch("sizes"), 2);
  EXPECT_TRUE(dispute.Note(0, "a", 2));
  EXPECT_TRUE(dispute.Note(0, "b", 2));
  EXPECT_FALSE(dispute.Note(0, "c", 3)) << "it was done";
  EXPECT_TRUE(dispute.Note(1, "a", 3));
  dispute.MarkAnswered("a");
  EXPECT_FALSE(dispute.Note(1, "a", 3)) << "it has had this, and gave up the rest";
  EXPECT_FALSE(dispute.IsComing(1, "c"));
  dispute.MarkAnswered("b");
  EXPECT_TRUE(dispute.IsOver());
}

}  // namespace
}  // namespace ronde
