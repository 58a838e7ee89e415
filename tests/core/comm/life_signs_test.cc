#include "core/comm/transports/life_signs.h"

#include <gtest/gtest.h>

namespace ronde {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kPatience = 4 * kSecond;

// Looks once a second from second `from` to `to`; both peers show what is given.
std::optional<LifeSigns::Silence> LookEverySecond(LifeSigns* signs, int from, int to,
                                                  std::uint64_t first, bool second_lives) {
  std::optional<LifeSigns::Silence> silence;
  for (int second = from; second <= to; ++second) {
    const std::int64_t now_ns = second * kSecond;
    signs->Saw(0, first, now_ns);
    signs->Saw(1, second_lives ? static_cast<std::uint64_t>(second) : 7, now_ns);
    silence = signs->Longest(now_ns);
  }
  return silence;
}

TEST(LifeSigns, NamesWhoStandsStillForLongerThanThePatience) {
  LifeSigns signs(2, kPatience, 0);
  EXPECT_FALSE(LookEverySecond(&signs, 1, 5, 1, true).has_value());
  const auto silence = LookEverySecond(&signs, 6, 6, 1, true);
  ASSERT_TRUE(silence.has_value());
  EXPECT_EQ(silence->peer, 0);
  EXPECT_EQ(silence->lasted_ns, 5 * kSecond);
}

TEST(LifeSigns, NamesTheLongestSilence) {
  LifeSigns signs(2, kPatience, 0);
  static_cast<void>(LookEverySecond(&signs, 1, 3, 1, false));
  const auto silence = LookEverySecond(&signs, 4, 9, 2, false);
  ASSERT_TRUE(silence.has_value());
  EXPECT_EQ(silence->peer, 1);
}

TEST(LifeSigns, WhoNeverShowedAnythingIsSilentFromTheStart) {
  LifeSigns signs(2, kPatience, 0);
  EXPECT_TRUE(LookEverySecond(&signs, 1, 5, 0, true).has_value());
}

TEST(LifeSigns, WhoHasLeftMayBeSilent) {
  LifeSigns signs(2, kPatience, 0);
  signs.Left(0);
  EXPECT_FALSE(LookEverySecond(&signs, 1, 9, 1, true).has_value());
}

TEST(LifeSigns, ARankThatWasStoppedItselfAccusesNobody) {
  LifeSigns signs(2, kPatience, 0);
  EXPECT_FALSE(LookEverySecond(&signs, 1, 3, 1, false).has_value());
  EXPECT_FALSE(signs.Longest(60 * kSecond).has_value());
  EXPECT_FALSE(LookEverySecond(&signs, 61, 63, 1, false).has_value());
  EXPECT_TRUE(LookEverySecond(&signs, 64, 66, 1, false).has_value());
}

}  // namespace
}  // namespace ronde
