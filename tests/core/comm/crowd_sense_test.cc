#include "core/comm/transports/crowd_sense.h"

#include <gtest/gtest.h>

namespace ronde {
namespace {

constexpr std::int64_t kToNobodyNs = 300;
constexpr std::int64_t kToSomebodyNs = 5000;

TEST(CrowdSense, TakesACoreForItsOwnAtFirst) {
  CrowdSense crowd;
  EXPECT_FALSE(crowd.crowded());
  crowd.Note(kToNobodyNs);
  EXPECT_FALSE(crowd.crowded());
}

TEST(CrowdSense, NoticesAtOnceThatSomebodyElseRan) {
  CrowdSense crowd;
  crowd.Note(kToSomebodyNs);
  EXPECT_TRUE(crowd.crowded());
}

TEST(CrowdSense, ForgetsWhenYieldsHaveBeenInVainForAWhile) {
  CrowdSense crowd;
  crowd.Note(kToSomebodyNs);
  int yields = 0;
  while (crowd.crowded() && yields < 1000) {
    crowd.Note(kToNobodyNs);
    ++yields;
  }
  EXPECT_GT(yields, 10) << "one yield in vain says little: the other may be asleep for a moment";
  EXPECT_LT(yields, 1000);
}

}  // namespace
}  // namespace ronde
