#include "collectives/shared/wait_policy.h"

#include <gtest/gtest.h>

namespace ronde {
namespace {

WaitPolicy PolicyFor(std::string_view wait, std::string_view spin_us, int ranks, int cores) {
  Config config;
  EXPECT_TRUE(config.Set(Setting::kWait, wait, SettingOrigin::kFlag).ok());
  EXPECT_TRUE(config.Set(Setting::kSpinUs, spin_us, SettingOrigin::kFlag).ok());
  return WaitPolicy::For(config, ranks, cores);
}

TEST(WaitPolicy, AutoSpinsOnlyWithACorePerRank) {
  EXPECT_GT(PolicyFor("auto", "-1", 2, 2).spin_ns, 0);
  EXPECT_EQ(PolicyFor("auto", "-1", 3, 2).spin_ns, 0);
  EXPECT_GE(PolicyFor("auto", "-1", 3, 2).yields, 16);
  EXPECT_TRUE(PolicyFor("auto", "-1", 2, 2).sleeps);
}

TEST(WaitPolicy, SpinUsIsAutosSpin) {
  EXPECT_EQ(PolicyFor("auto", "7", 1, 1).spin_ns, 7000);
  EXPECT_EQ(PolicyFor("auto", "7", 9, 1).spin_ns, 7000);
  EXPECT_EQ(PolicyFor("block", "7", 1, 1).spin_ns, 0);
}

TEST(WaitPolicy, SpinNeverSleepsButStillLooksUpNowAndThen) {
  const WaitPolicy policy = PolicyFor("spin", "-1", 2, 2);
  EXPECT_FALSE(policy.sleeps);
  EXPECT_GT(policy.spin_ns, 0);
  EXPECT_LT(policy.spin_ns, 10'000'000);
  EXPECT_GT(PolicyFor("spin", "-1", 3, 2).yields, 0);
}

TEST(WaitPolicy, BlockSleepsAtOnce) {
  const WaitPolicy policy = PolicyFor("block", "-1", 1, 64);
  EXPECT_EQ(policy.spin_ns, 0);
  EXPECT_EQ(policy.yields, 0);
  EXPECT_TRUE(policy.sleeps);
}

}  // namespace
}  // namespace ronde
