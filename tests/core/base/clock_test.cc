#include "core/base/clock.h"

#include <gtest/gtest.h>

namespace ronde {
namespace {

TEST(SteadyClock, NeverDecreases) {
  const SteadyClock clock;
  std::int64_t last_ns = clock.NowNs();
  for (int i = 0; i < 1000; ++i) {
    const std::int64_t now_ns = clock.NowNs();
    ASSERT_GE(now_ns, last_ns);
    last_ns = now_ns;
  }
}

TEST(Deadline, ZeroAndNegativeHaveExpired) {
  EXPECT_TRUE(Deadline::After(0).Expired());
  EXPECT_TRUE(Deadline::After(-1).Expired());
  EXPECT_EQ(Deadline::After(-1).RemainingNs(), 0);
}

TEST(Deadline, RemainingIsAtMostWhatWasAskedFor) {
  const Deadline deadline = Deadline::After(100);
  EXPECT_FALSE(deadline.Expired());
  EXPECT_LE(deadline.RemainingNs(), 100'000'000'000);
  EXPECT_GT(deadline.RemainingNs(), 50'000'000'000);
}

TEST(Deadline, MayStartWhenItIsFirstAskedAbout) {
  const Deadline asked = Deadline::AfterFirstLook(0.001);
  const Deadline later = Deadline::AfterFirstLook(0.001);
  const Deadline start = Deadline::After(0.002);
  EXPECT_FALSE(asked.Expired());
  while (!start.Expired()) {
  }
  EXPECT_TRUE(asked.Expired());
  EXPECT_GT(later.RemainingNs(), 0);
}

TEST(Deadline, NeverNeverExpires) {
  EXPECT_FALSE(Deadline::Never().Expired());
  EXPECT_EQ(Deadline::Never().RemainingNs(), INT64_MAX);
}

}  // namespace
}  // namespace ronde
