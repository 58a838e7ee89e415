#include "collectives/size_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ronde {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<SizeRule> Parsed(std::string_view text) {
  const auto rules = ParseSizeRules(text);
  EXPECT_TRUE(rules.ok()) << rules.status().message();
  return rules.ok() ? rules.value() : std::vector<SizeRule>{};
}

TEST(SizeRules, ANameAloneCoversAllSizes) {
  const auto rules = Parsed("ring");
  ASSERT_EQ(rules.size(), 1U);
  EXPECT_EQ(rules[0].algorithm, "ring");
  EXPECT_TRUE(rules[0].Covers(0));
  EXPECT_TRUE(rules[0].Covers(INT64_MAX));
}

TEST(SizeRules, BothEndsCountAndEitherMayBeMissing) {
  const auto rules = Parsed("a:4K-64K,b:-100,c:1M-");
  ASSERT_EQ(rules.size(), 3U);
  EXPECT_FALSE(rules[0].Covers(4095));
  EXPECT_TRUE(rules[0].Covers(4096));
  EXPECT_TRUE(rules[0].Covers(65536));
  EXPECT_FALSE(rules[0].Covers(65537));
  EXPECT_TRUE(rules[1].Covers(0));
  EXPECT_FALSE(rules[1].Covers(101));
  EXPECT_FALSE(rules[2].Covers((1 << 20) - 1));
  EXPECT_TRUE(rules[2].Covers(1 << 20));
  EXPECT_EQ(rules[2].text, "c:1M-");
}

TEST(SizeRules, MayBeForWhatHappensInsideHostsOrBetweenThem) {
  const auto rules = Parsed("net=ring:1M-,local=shared_memory,direct");
  ASSERT_EQ(rules.size(), 3U);
  EXPECT_EQ(rules[0].part, RulePart::kNet);
  EXPECT_EQ(rules[0].algorithm, "ring");
  EXPECT_EQ(rules[0].text, "net=ring:1M-");
  EXPECT_EQ(rules[1].part, RulePart::kLocal);
  EXPECT_EQ(rules[2].part, RulePart::kWhole);
  EXPECT_EQ(FindRule(rules, RulePart::kNet, 1 << 20), &rules[0]);
  EXPECT_EQ(FindRule(rules, RulePart::kNet, 1), nullptr);
}

TEST(SizeRules, ErrorsNameTheRuleAndWhatIsAccepted) {
  const std::pair<const char*, const char*> cases[] = {{"ring:1M", "no '-'"},
                                                       {"ring:-", "no end"},
                                                       {"ring:2K-1K", "ends before"},
                                                       {"ring:x-1K", "'x' is not"},
                                                       {":1-2", "no algorithm"},
                                                       {"", "no algorithm"},
                                                       {"ring,", "no algorithm"},
                                                       {"ring:", "no '-'"},
                                                       {"ring:1K-2K-3K", "is not a size"},
                                                       {"ring:-1e99", "is not a"},
                                                       {"ring:nan-", "is not a size"}};
  for (const auto& [text, why] : cases) {
    const auto rules = ParseSizeRules(text);
    ASSERT_FALSE(rules.ok()) << text;
    EXPECT_EQ(rules.status().code(), StatusCode::kInvalidArgument);
    EXPECT_THAT(rules.status().message(), HasSubstr(why)) << text;
    EXPECT_THAT(rules.status().message(), HasSubstr("expected NAME or NAME:min-max"));
  }
}

TEST(SizeRules, ReachableAlgorithmsAreThoseThatSomeSizeMeets) {
  EXPECT_THAT(ReachableAlgorithms(Parsed("ring")), ElementsAre("ring"));
  EXPECT_THAT(ReachableAlgorithms(Parsed("ring:1K-")), ElementsAre("auto", "ring"));
  EXPECT_THAT(ReachableAlgorithms(Parsed("ring:-1K,mpi")), ElementsAre("ring", "mpi"));
  EXPECT_THAT(ReachableAlgorithms(Parsed("ring:-1K,ring:1025-")), ElementsAre("ring"));
  EXPECT_THAT(ReachableAlgorithms(Parsed("ring:-1K,ring:1026-")), ElementsAre("ring", "auto"));
  EXPECT_THAT(ReachableAlgorithms(Parsed("ring,mpi:1M-")), ElementsAre("ring"));
}

}  // namespace
}  // namespace ronde
