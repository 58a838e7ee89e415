#include "collectives/selector.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/run_ranks.h"

namespace ronde {
namespace {

using testing::HasSubstr;

Config ConfigWith(std::string_view algorithm, std::string_view reproducible = "off") {
  Config config;
  EXPECT_TRUE(config.Set(Setting::kAllreduceAlgorithm, algorithm, SettingOrigin::kFlag).ok());
  EXPECT_TRUE(config.Set(Setting::kReproducible, reproducible, SettingOrigin::kFlag).ok());
  return config;
}

TEST(Selector, NamesFlagValueAndChoicesForAnUnknownAlgorithm) {
  const auto selector = Selector::Create(ConfigWith("rings"));
  ASSERT_FALSE(selector.ok());
  EXPECT_EQ(selector.status().code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(selector.status().message(), HasSubstr("--allreduce-algorithm"));
  EXPECT_THAT(selector.status().message(), HasSubstr("'rings'"));
  EXPECT_THAT(selector.status().message(),
              HasSubstr("shared_memory, pairwise, recursive_doubling, "));
}

TEST(Selector, RefusesANamedAlgorithmThatIsNotReproducible) {
  const auto selector = Selector::Create(ConfigWith("ring", "on"));
  ASSERT_FALSE(selector.ok());
  EXPECT_THAT(selector.status().message(), HasSubstr("--reproducible on"));
}

TEST(Selector, AdmitsByNameOnlyTreesWhereATreeIsAskedFor) {
  const auto ring = Selector::Create(ConfigWith("ring", "tree"));
  ASSERT_FALSE(ring.ok());
  EXPECT_EQ(ring.status().code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(ring.status().message(), HasSubstr("'ring' contradicts --reproducible tree"));
  EXPECT_TRUE(Selector::Create(ConfigWith("recursive_doubling", "tree")).ok());
  EXPECT_TRUE(Selector::Create(ConfigWith("shared_memory", "tree")).ok());
}

class FixedOrder final : public AllreduceAlgorithm {
 public:
  std::string_view name() const override { return "fixed"; }
  bool Supports(CollectiveContext&, const AllreduceArguments&) const override { return true; }
  double Cost(CollectiveContext&, const AllreduceArguments&) const override { return 0; }
  Status Run(CollectiveContext&, const AllreduceArguments&) const override { return Status::Ok(); }

 private:
  ReductionOrder DeclaredOrder() const override { return ReductionOrder::kFixed; }
};

TEST(AllreduceAlgorithm, AFixedOrderIsATreeForOneAndTwoRanks) {
  const FixedOrder algorithm;
  EXPECT_EQ(algorithm.order(1), ReductionOrder::kTree);
  EXPECT_EQ(algorithm.order(2), ReductionOrder::kTree);
  EXPECT_EQ(algorithm.order(3), ReductionOrder::kFixed);
}

TEST(Selector, TakesSharedMemoryOnOneHost) {
  RunRanks(2, [](Transport& transport) {
    auto context = CollectiveContext::Create(transport, Config());
    ASSERT_TRUE(context.ok());
    const auto selector = Selector::Create(Config());
    ASSERT_TRUE(selector.ok());
    for (const std::int64_t count : {0, 1, 1000, 1 << 20, 1 << 26}) {
      const auto chosen = selector.value().Choose(*context.value(), {.count = count});
      ASSERT_TRUE(chosen.ok());
      EXPECT_EQ(chosen.value()->name(), "shared_memory") << count;
    }
  });
}

Config HierarchyConfig(std::string_view hierarchy, std::string_view algorithm = "auto") {
  Config config = ConfigWith(algorithm);
  EXPECT_TRUE(config.Set(Setting::kHierarchy, hierarchy, SettingOrigin::kFlag).ok());
  return config;
}

// What is chosen on one rank for each of `hosts`, or why nothing is.
std::string ChosenOn(const std::vector<std::string>& hosts, const Config& config,
                     std::int64_t count) {
  std::string chosen;
  RunRanksOnHosts(hosts, [&](Transport& transport) {
    auto context = CollectiveContext::Create(transport, config);
    ASSERT_TRUE(context.ok());
    const auto selector = Selector::Create(config);
    ASSERT_TRUE(selector.ok()) << selector.status().message();
    const auto algorithm = selector.value().Choose(*context.value(), {.count = count});
    if (transport.rank() != 0) return;
    chosen = algorithm.ok() ? algorithm.value()->name() : algorithm.status().message();
  });
  return chosen;
}

TEST(Selector, CrossesHostsOnceForAHostUnlessToldToBeFlat) {
  for (const std::int64_t count : {1, 100, 10'000'000}) {
    const std::vector<std::string> hosts = {"a", "a", "b", "b"};
    EXPECT_EQ(ChosenOn(hosts, Config(), count), "hierarchical") << count;
    EXPECT_EQ(ChosenOn(hosts, ConfigWith("auto", "tree"), count), "hierarchical") << count;
    EXPECT_NE(ChosenOn(hosts, HierarchyConfig("flat"), count), "hierarchical") << count;
  }
}

TEST(Selector, ATreeIsNotHierarchicalWhereHostsDoNotHoldOne) {
  const std::vector<std::string> hosts = {"a", "a", "a", "b", "b", "b"};
  EXPECT_EQ(ChosenOn(hosts, ConfigWith("auto", "on"), 1000), "hierarchical");
  EXPECT_NE(ChosenOn(hosts, ConfigWith("auto", "tree"), 1000), "hierarchical");
  EXPECT_THAT(ChosenOn(hosts, ConfigWith("hierarchical", "tree"), 1000),
              HasSubstr("an order of additions that --reproducible admits"));
}

TEST(Selector, AFormOfHierarchyNamesHierarchicalAndAnAlgorithmByNameCountsMore) {
  const std::vector<std::string> hosts = {"a", "a", "b", "b"};
  EXPECT_EQ(ChosenOn(hosts, HierarchyConfig("leader"), 10'000'000), "hierarchical");
  EXPECT_EQ(ChosenOn(hosts, HierarchyConfig("rails"), 1), "hierarchical");
  EXPECT_EQ(ChosenOn(hosts, HierarchyConfig("rails", "ring"), 1), "ring");
  EXPECT_EQ(ChosenOn({"a", "a"}, HierarchyConfig("leader"), 1), "shared_memory");
}

TEST(Selector, RulesForPartsNameHierarchicalAndOnOneHostTheLocalPart) {
  const Config config = ConfigWith("local=shared_memory:-1K,net=ring");
  EXPECT_EQ(ChosenOn({"a", "a", "b", "b"}, config, 10), "hierarchical");
  EXPECT_EQ(ChosenOn({"a", "a", "b", "b"}, config, 1000), "hierarchical");
  EXPECT_EQ(ChosenOn({"a", "a"}, config, 10), "shared_memory");
  EXPECT_THAT(ChosenOn({"a", "b", "c"}, ConfigWith("net=pairwise"), 10),
              HasSubstr("'net=pairwise' cannot run"));
  EXPECT_THAT(ChosenOn({"a", "a", "b", "b"}, ConfigWith("local=push_two_shot"), 1000),
              HasSubstr("'local=push_two_shot' cannot run"));
}

TEST(Selector, NamesWhatAPartMayBe) {
  const auto net = Selector::Create(ConfigWith("ring:1M-,net=shared_memory"));
  ASSERT_FALSE(net.ok());
  EXPECT_EQ(net.status().code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(net.status().message(),
              HasSubstr("unknown algorithm 'shared_memory' in rule 'net=shared_memory'; accepted: "
                        "auto, pairwise, direct, ring"));
  const auto local = Selector::Create(ConfigWith("local=ring"));
  ASSERT_FALSE(local.ok());
  EXPECT_THAT(local.status().message(), HasSubstr("accepted: auto, push_two_shot, shared_memory"));
  const auto other = Selector::Create(ConfigWith("global=ring"));
  ASSERT_FALSE(other.ok());
  EXPECT_THAT(other.status().message(), HasSubstr("'global' is no part of an allreduce"));
}

TEST(Selector, CompressionContradictsReproducibleAndFlat) {
  Config config = ConfigWith("auto", "on");
  ASSERT_TRUE(config.Set(Setting::kWireCompression, "int8", SettingOrigin::kFlag).ok());
  const auto reproducible = Selector::Create(config);
  ASSERT_FALSE(reproducible.ok());
  EXPECT_THAT(reproducible.status().message(),
              HasSubstr("--wire-compression int8 contradicts --reproducible on"));
  Config flat = HierarchyConfig("flat");
  ASSERT_TRUE(flat.Set(Setting::kWireCompression, "bf16", SettingOrigin::kFlag).ok());
  ASSERT_FALSE(Selector::Create(flat).ok());
}

TEST(Selector, ReproducibleChoiceIsStrictEnoughAndTheSameForAllSizes) {
  for (const auto& hosts : {std::vector<std::string>{"a", "a", "a"}, {"a", "b", "c"}}) {
    RunRanksOnHosts(hosts, [](Transport& transport) {
      auto context = CollectiveContext::Create(transport, Config());
      ASSERT_TRUE(context.ok());
      for (const char* reproducible : {"on", "tree"}) {
        const auto selector = Selector::Create(ConfigWith("auto", reproducible));
        ASSERT_TRUE(selector.ok());
        const auto first = selector.value().Choose(*context.value(), {.count = 1});
        EXPECT_GE(first.value()->OrderIn(*context.value()), reproducible == std::string_view("on")
                                                                ? ReductionOrder::kFixed
                                                                : ReductionOrder::kTree);
        for (const std::int64_t count : {100, 10'000, 100'000'000}) {
          const auto other = selector.value().Choose(*context.value(), {.count = count});
          EXPECT_EQ(other.value(), first.value()) << count;
        }
      }
    });
  }
}

TEST(Selector, ANamedAlgorithmThatCannotRunIsAnError) {
  RunRanksOnHosts({"a", "b"}, [](Transport& transport) {
    auto context = CollectiveContext::Create(transport, Config());
    ASSERT_TRUE(context.ok());
    const auto selector = Selector::Create(ConfigWith("shared_memory"));
    ASSERT_TRUE(selector.ok());
    const auto chosen = selector.value().Choose(*context.value(), {.count = 10});
    ASSERT_FALSE(chosen.ok());
    EXPECT_EQ(chosen.status().code(), StatusCode::kUnavailable);
    EXPECT_THAT(chosen.status().message(), HasSubstr("shared_memory"));
  });
}

std::string NameOf(const Selector& selector, CollectiveContext& context, std::int64_t size_bytes,
                   bool registered = false) {
  AllreduceArguments arguments;
  arguments.count = size_bytes / 4;
  if (registered) arguments.input_place = arguments.output_place = {.block = 1};
  const auto chosen = selector.Choose(context, arguments);
  return chosen.ok() ? std::string(chosen.value()->name()) : chosen.status().message();
}

TEST(Selector, TheFirstRuleThatCoversTheSizeWinsAndAutoTakesTheRest) {
  RunRanks(2, [](Transport& transport) {
    auto context = CollectiveContext::Create(transport, Config());
    ASSERT_TRUE(context.ok());
    const auto selector =
        Selector::Create(ConfigWith("recursive_doubling:-64K,ring:4K-1M,auto:2M-4M,ring:1M-8M"));
    ASSERT_TRUE(selector.ok()) << selector.status().message();
    const auto name = [&](std::int64_t size_bytes) {
      return NameOf(selector.value(), *context.value(), size_bytes);
    };
    EXPECT_EQ(name(4), "recursive_doubling");
    EXPECT_EQ(name(64 << 10), "recursive_doubling");
    EXPECT_EQ(name((64 << 10) + 4), "ring");
    EXPECT_EQ(name(2 << 20), "shared_memory");
    EXPECT_EQ(name((2 << 20) - 4), "ring");
    EXPECT_EQ(name(8 << 20), "ring");
    EXPECT_EQ(name(9 << 20), "shared_memory");
  });
}

TEST(Selector, NamesTheSettingAndTheRuleOfAnUnknownAlgorithm) {
  const auto selector = Selector::Create(ConfigWith("ring:1M-,rings:-4K"));
  ASSERT_FALSE(selector.ok());
  EXPECT_THAT(selector.status().message(), HasSubstr("--allreduce-algorithm"));
  EXPECT_THAT(selector.status().message(), HasSubstr("rule 'rings:-4K'"));
}

TEST(Selector, RefusesRulesThatMakeBitsDependOnTheSizeUnderReproducible) {
  const auto mixed = Selector::Create(ConfigWith("shared_memory:-64K,recursive_doubling", "on"));
  ASSERT_FALSE(mixed.ok());
  EXPECT_EQ(mixed.status().code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(mixed.status().message(), HasSubstr("shared_memory"));
  EXPECT_THAT(mixed.status().message(), HasSubstr("recursive_doubling"));
  EXPECT_FALSE(Selector::Create(ConfigWith("shared_memory:1M-", "tree")).ok());
  EXPECT_TRUE(Selector::Create(ConfigWith("shared_memory:-1M,shared_memory", "tree")).ok());
  EXPECT_TRUE(Selector::Create(ConfigWith("auto:-1M", "tree")).ok());
}

TEST(Selector, ARuleThatCannotRunTheCallIsAnErrorThatNamesIt) {
  RunRanks(2, [](Transport& transport) {
    auto context = CollectiveContext::Create(transport, Config());
    ASSERT_TRUE(context.ok());
    const auto selector = Selector::Create(ConfigWith("push_two_shot:1K-,shared_memory"));
    ASSERT_TRUE(selector.ok());
    EXPECT_EQ(NameOf(selector.value(), *context.value(), 64), "shared_memory");
    EXPECT_THAT(NameOf(selector.value(), *context.value(), 4096),
                HasSubstr("'push_two_shot:1K-' cannot run"));
    EXPECT_EQ(NameOf(selector.value(), *context.value(), 4096, true), "push_two_shot");
  });
}

Tuning TunedFor(int ranks) {
  Tuning tuning = {.ranks = ranks};
  tuning.allreduce = {{"ring", 100, 999, TunedRule::Buffers::kPrivate},
                      {"push_two_shot", 0, INT64_MAX},
                      {"recursive_doubling", 0, 5000, TunedRule::Buffers::kPrivate}};
  return tuning;
}

TEST(Selector, RulesOfTheTuningFileGiveWayWhereTheyDoNotFit) {
  RunRanks(2, [](Transport& transport) {
    auto context = CollectiveContext::Create(transport, Config());
    ASSERT_TRUE(context.ok());
    const Tuning tuning = TunedFor(2);
    const auto selector = Selector::Create(Config(), &tuning);
    ASSERT_TRUE(selector.ok()) << selector.status().message();
    const auto name = [&](std::int64_t size_bytes, bool registered) {
      return NameOf(selector.value(), *context.value(), size_bytes, registered);
    };
    EXPECT_EQ(name(400, false), "ring");
    EXPECT_EQ(name(400, true), "push_two_shot");
    EXPECT_EQ(name(4000, false), "recursive_doubling");
    EXPECT_EQ(name(40'000, false), "shared_memory");  // by cost
    EXPECT_EQ(name(40'000, true), "push_two_shot");
  });
}

TEST(Selector, TheSettingOverridesTheTuningFile) {
  RunRanks(2, [](Transport& transport) {
    auto context = CollectiveContext::Create(transport, Config());
    ASSERT_TRUE(context.ok());
    const Tuning tuning = TunedFor(2);
    const auto selector = Selector::Create(ConfigWith("shared_memory:-500"), &tuning);
    ASSERT_TRUE(selector.ok());
    EXPECT_EQ(NameOf(selector.value(), *context.value(), 400), "shared_memory");
    EXPECT_EQ(NameOf(selector.value(), *context.value(), 800), "ring");
    const auto decision = selector.value().Decide(*context.value(), {.count = 200});
    ASSERT_TRUE(decision.ok());
    EXPECT_EQ(selector.value().Explain(decision.value()), "rule 1 of --tuning-file");
  });
}

TEST(Selector, ReproducibleTakesOneAdmissibleRuleForAllSizes) {
  RunRanks(3, [](Transport& transport) {
    auto context = CollectiveContext::Create(transport, Config());
    ASSERT_TRUE(context.ok());
    Tuning tuning = {.ranks = 3};
    tuning.allreduce = {{"ring"}, {"recursive_doubling", 1 << 20, 1 << 20}, {"shared_memory"}};
    const auto selector = Selector::Create(ConfigWith("auto", "tree"), &tuning);
    ASSERT_TRUE(selector.ok());
    for (const std::int64_t size_bytes : {4, 4096, 1 << 20, 64 << 20}) {
      EXPECT_EQ(NameOf(selector.value(), *context.value(), size_bytes), "recursive_doubling");
    }
  });
}

TEST(Selector, NamesTheTuningFilesRuleOfAnAlgorithmThatThisBuildLacks) {
  Tuning tuning = {.ranks = 2};
  tuning.allreduce = {{"ring"}, {"warp"}};
  const auto selector = Selector::Create(Config(), &tuning);
  ASSERT_FALSE(selector.ok());
  EXPECT_EQ(selector.status().code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(selector.status().message(), HasSubstr("--tuning-file: rule 2"));
  EXPECT_THAT(selector.status().message(), HasSubstr("'warp'"));
}

}  // namespace
}  // namespace ronde
