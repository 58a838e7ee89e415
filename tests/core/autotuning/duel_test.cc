#include "core/autotuning/duel.h"

#include <gtest/gtest.h>

namespace ronde {
namespace {

using Side = Duel::Side;

TEST(Duel, TakesTurnsSoThatAMachineThatSlowsDownFavoursNobody) {
  Duel duel(4, 0.02);
  double speed = 100;
  while (!duel.over()) {
    duel.Add(speed);
    speed -= 1;
  }
  EXPECT_NEAR(duel.Median(Side::kDefault), duel.Median(Side::kBest), 1e-9);
}

TEST(Duel, TheBestNeedsTheLeastGainWhereNothingScatters) {
  for (const double gain : {0.015, 0.025}) {
    Duel duel(5, 0.02);
    while (!duel.over()) duel.Add(duel.turn() == Side::kBest ? 1 + gain : 1);
    EXPECT_EQ(duel.BestWins(), gain > 0.02);
  }
}

TEST(Duel, TheBestNeedsMoreWhereScoresScatter) {
  Duel duel(5, 0.02);
  const double scatter[] = {0.7, 1.3, 0.8, 1.2, 1.0};
  std::size_t turns[2] = {0, 0};
  while (!duel.over()) {
    const bool best = duel.turn() == Side::kBest;
    duel.Add(scatter[turns[best ? 1 : 0]++] * (best ? 1.1 : 1));
  }
  EXPECT_GT(duel.NeededGain(), 0.1);
  EXPECT_FALSE(duel.BestWins());
}

TEST(Duel, OneBadWindowDecidesNothing) {
  Duel duel(5, 0.02);
  bool first = true;
  while (!duel.over()) {
    const bool best = duel.turn() == Side::kBest;
    duel.Add(best ? (first ? 0.1 : 1.2) : 1);
    first = first && !best;
  }
  EXPECT_TRUE(duel.BestWins());
}

TEST(Median, IsTheMiddleOrTheMeanOfTheTwoThere) {
  EXPECT_EQ(Median({3, 1, 2}), 2);
  EXPECT_EQ(Median({4, 1, 2, 3}), 2.5);
}

}  // namespace
}  // namespace ronde
