#include "core/control/burst_guess.h"

#include <gtest/gtest.h>

namespace ronde {
namespace {

TEST(BurstGuess, ExpectsWhatHasComeTwiceInARow) {
  BurstGuess guess;
  EXPECT_EQ(guess.remaining(true), 1u);
  guess.Note(5, true);
  EXPECT_EQ(guess.remaining(true), 1u);
  guess.Note(3, true);
  guess.Note(2, false);
  EXPECT_EQ(guess.remaining(true), 5u);
  guess.Note(1, true);
  EXPECT_EQ(guess.remaining(false), 4u);
  guess.Note(4, false);
  EXPECT_EQ(guess.remaining(false), 1u) << "the next one begins when this has ended";
}

TEST(BurstGuess, ExpectsNothingWhereBurstsDiffer) {
  BurstGuess guess;
  for (int i = 0; i < 5; ++i) {
    guess.Note(161, true);
    EXPECT_EQ(guess.remaining(true), 1u);
    guess.Note(1, true);
    EXPECT_EQ(guess.remaining(true), 1u);
    EXPECT_EQ(guess.remaining(false), 1u);
  }
}

}  // namespace
}  // namespace ronde
