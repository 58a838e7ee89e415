#include "core/autotuning/score_window.h"

#include <gtest/gtest.h>

#include "core/base/strcat.h"

namespace ronde {
namespace {

constexpr std::int64_t kMs = 1'000'000;

// Lists of 1000 bytes that take 1 ms each, one after the other unless told otherwise.
class Lists {
 public:
  explicit Lists(ScoreWindow& window) : window_(window) {}
  std::optional<double> Run(std::string_view name, std::int64_t ns = kMs) {
    window_.AddOperation(name);
    const std::int64_t begin_ns = now_ns_;
    now_ns_ += ns;
    return window_.AddList(1000, begin_ns, now_ns_);
  }
  void Idle(std::int64_t ns) { now_ns_ += ns; }

 private:
  ScoreWindow& window_;
  std::int64_t now_ns_ = 0;
};

TEST(ScoreWindow, CountsPayloadPerSecondInWhichSomethingWasOutstanding) {
  ScoreWindow window(2, 0);
  window.Restart(0);
  Lists lists(window);
  EXPECT_FALSE(lists.Run("a"));
  lists.Idle(100 * kMs);
  EXPECT_FALSE(lists.Run("a"));
  const auto score = lists.Run("a");
  ASSERT_TRUE(score.has_value());
  EXPECT_NEAR(*score, 1e6, 1e-6);
}

TEST(ScoreWindow, EndsOnlyWithAWholeIteration) {
  ScoreWindow window(1, 0);
  window.Restart(0);
  Lists lists(window);
  EXPECT_FALSE(lists.Run("a"));
  EXPECT_FALSE(lists.Run("b", 9 * kMs));
  EXPECT_FALSE(lists.Run("c"));
  const auto score = lists.Run("a");
  ASSERT_TRUE(score.has_value());
  EXPECT_NEAR(*score, 3000 / 0.011, 1e-3);
}

TEST(ScoreWindow, EndsOnlyAfterEnoughTime) {
  ScoreWindow window(2, 10 * kMs);
  window.Restart(0);
  Lists lists(window);
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(lists.Run("a")) << i;
  EXPECT_TRUE(lists.Run("a"));
}

TEST(ScoreWindow, SkipsTheWarmUpAndTheIterationThatRan) {
  ScoreWindow window(1, 0);
  window.Restart(0);
  Lists lists(window);
  lists.Run("a");
  window.Restart(2);
  EXPECT_FALSE(lists.Run("b", 500 * kMs));  // the rest of what ran
  EXPECT_FALSE(lists.Run("a", 500 * kMs));
  EXPECT_FALSE(lists.Run("a", 500 * kMs));
  EXPECT_FALSE(lists.Run("a"));
  const auto score = lists.Run("a");
  ASSERT_TRUE(score.has_value());
  EXPECT_NEAR(*score, 1e6, 1e-6);
}

TEST(ScoreWindow, CountsOverlapOnce) {
  ScoreWindow window(2, 0);
  window.Restart(0);
  EXPECT_FALSE(window.AddList(1000, 0, 2 * kMs));
  EXPECT_FALSE(window.AddList(1000, 0, 3 * kMs));
  const auto score = window.AddList(1000, 0, 4 * kMs);
  ASSERT_TRUE(score.has_value());
  EXPECT_NEAR(*score, 2000 / 0.003, 1e-3);
}

TEST(ScoreWindow, ListsWithoutNamesAreIterations) {
  ScoreWindow window(1, 0);
  window.Restart(0);
  EXPECT_FALSE(window.AddList(1000, 0, kMs));
  EXPECT_TRUE(window.AddList(1000, kMs, 2 * kMs));
}

TEST(ScoreWindow, ForgetsANameThatDoesNotComeBack) {
  ScoreWindow window(1, 0);
  window.Restart(0);
  Lists lists(window);
  lists.Run("once");
  bool scored = false;
  for (int i = 0; i < 10'010; ++i) scored = lists.Run("again").has_value();
  EXPECT_TRUE(scored);
}

TEST(ScoreWindow, ListsWithoutPayloadEndNoWindow) {
  ScoreWindow window(1, 0);
  window.Restart(0);
  for (std::int64_t i = 0; i < 5; ++i) EXPECT_FALSE(window.AddList(0, i * kMs, (i + 1) * kMs));
}

}  // namespace
}  // namespace ronde
