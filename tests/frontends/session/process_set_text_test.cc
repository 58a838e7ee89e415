#include "frontends/session/process_set_text.h"

#include <random>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ronde {
namespace {

using Sets = std::vector<std::vector<int>>;
using testing::HasSubstr;

TEST(ParseProcessSets, ReadsRanksAndRanges) {
  const auto parsed = [](const char* text, int size) {
    const Result<Sets> sets = ParseProcessSets(text, size);
    EXPECT_TRUE(sets.ok()) << sets.status().message();
    return sets.ok() ? sets.value() : Sets();
  };
  EXPECT_EQ(parsed("", 1), Sets());
  EXPECT_EQ(parsed("  ", 1), Sets());
  EXPECT_EQ(parsed("0", 1), (Sets{{0}}));
  EXPECT_EQ(parsed("0-3;4-7;0,4", 8), (Sets{{0, 1, 2, 3}, {4, 5, 6, 7}, {0, 4}}));
  EXPECT_EQ(parsed("0,2-3,5", 6), (Sets{{0, 2, 3, 5}}));
  EXPECT_EQ(parsed(" 0 - 1 ; 1 , 3 ", 4), (Sets{{0, 1}, {1, 3}}));
  EXPECT_EQ(parsed("2-2", 3), (Sets{{2}}));
  EXPECT_EQ(parsed("0-1;0-1", 2), (Sets{{0, 1}, {0, 1}}));
}

TEST(ParseProcessSets, SaysWhichSetIsWrongAndWhy) {
  const struct {
    const char* text;
    const char* part;
  } kCases[] = {
      {"0;4", "set 2 of '0;4': rank 4 does not exist; ranks are 0 to 3"},
      {"0-99999", "rank 99999 does not exist"},
      {"0-99999999999", "'0-99999999999' is neither a rank nor a range"},
      {"2-1", "range 2-1 ends before it begins"},
      {"1,0", "rank 0 comes after rank 1; name each rank once, in ascending order"},
      {"0-2,2", "rank 2 comes after rank 2"},
      {"1,1", "rank 1 comes after rank 1"},
      {";", "set 1 of ';': '' is neither a rank"},
      {"0;", "set 2 of '0;': '' is neither a rank"},
      {"0,", "'' is neither a rank"},
      {"-1", "'-1' is neither a rank"},
      {"0-", "'0-' is neither a rank"},
      {"0--1", "'0--1' is neither a rank"},
      {"0-1-2", "'0-1-2' is neither a rank"},
      {"a", "'a' is neither a rank"},
      {"0x1", "'0x1' is neither a rank"},
      {"+1", "'+1' is neither a rank"},
      {"1.5", "'1.5' is neither a rank"},
      {"0 1", "'0 1' is neither a rank"},
      {"[0,1]", "'[0' is neither a rank"},
  };
  for (const auto& [text, part] : kCases) {
    const Result<Sets> sets = ParseProcessSets(text, 4);
    ASSERT_FALSE(sets.ok()) << text;
    EXPECT_EQ(sets.status().code(), StatusCode::kInvalidArgument);
    EXPECT_THAT(sets.status().message(), HasSubstr(part));
    EXPECT_THAT(sets.status().message(), HasSubstr("--process-sets"));
  }
}

// Whatever is typed: sets that can be added, or an error.
TEST(ParseProcessSets, GivesOnlyAscendingRanksThatExist) {
  constexpr std::string_view kLetters = "0123456789,,;;-- x";
  std::mt19937 random(20240);
  for (int round = 0; round < 20000; ++round) {
    std::string text(random() % 12, ' ');
    for (char& letter : text) letter = kLetters[random() % kLetters.size()];
    const int size = 1 + static_cast<int>(random() % 20);
    const Result<Sets> sets = ParseProcessSets(text, size);
    if (!sets.ok()) continue;
    for (const std::vector<int>& ranks : sets.value()) {
      ASSERT_FALSE(ranks.empty()) << text;
      ASSERT_TRUE(ranks.front() >= 0 && ranks.back() < size) << text;
      for (std::size_t i = 1; i < ranks.size(); ++i) ASSERT_LT(ranks[i - 1], ranks[i]) << text;
    }
  }
}

}  // namespace
}  // namespace ronde
