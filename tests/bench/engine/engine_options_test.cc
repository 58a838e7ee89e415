#include "bench/engine/engine_options.h"

#include <gtest/gtest.h>

namespace ronde::bench {
namespace {

std::int64_t Of(const Config& config, Setting setting) { return config.GetInteger(setting); }

TEST(ControlMode, SwitchesOffWhatIsBetterAndKeepsTheRest) {
  Config given;
  ASSERT_TRUE(given.Set(Setting::kResponseCacheCapacity, "16", SettingOrigin::kFlag).ok());
  ASSERT_TRUE(given.Set(Setting::kLockAfter, "7", SettingOrigin::kFlag).ok());
  const Config uncached = WithMode(given, ControlMode::kUncached).value();
  EXPECT_EQ(Of(uncached, Setting::kResponseCacheCapacity), 0);
  EXPECT_EQ(Of(uncached, Setting::kLockAfter), 0);
  const Config cached = WithMode(given, ControlMode::kCached).value();
  EXPECT_EQ(Of(cached, Setting::kResponseCacheCapacity), 16);
  EXPECT_EQ(Of(cached, Setting::kLockAfter), 0);
  const Config locked = WithMode(given, ControlMode::kLocked).value();
  EXPECT_EQ(Of(locked, Setting::kResponseCacheCapacity), 16);
  EXPECT_EQ(Of(locked, Setting::kLockAfter), 7);
}

TEST(ControlMode, SettlesOnlyAfterTheLock) {
  const Config config;
  EXPECT_GT(IterationsToSettle(WithMode(config, ControlMode::kLocked).value()),
            Of(config, Setting::kLockAfter));
}

TEST(ControlMode, NamesAreReadBack) {
  for (const auto mode : {ControlMode::kUncached, ControlMode::kCached, ControlMode::kLocked}) {
    EXPECT_EQ(ParseControlMode(Name(mode)), mode);
  }
  for (const auto order : {SubmitOrder::kSame, SubmitOrder::kByRank, SubmitOrder::kRandom}) {
    EXPECT_EQ(ParseSubmitOrder(Name(order)), order);
  }
  EXPECT_EQ(ParseControlMode("free"), std::nullopt);
}

}  // namespace
}  // namespace ronde::bench
