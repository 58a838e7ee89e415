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
              HasSubstr("auto, push_two_shot, shared_memory, recursive_doubling, ring"));
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

TEST(Selector, DoublesForSmallAndRingsForLargeBetweenHostsUnlessReproducible) {
  RunRanksOnHosts({"a", "b", "c", "d"}, [](Transport& transport) {
    auto context = CollectiveContext::Create(transport, Config());
    ASSERT_TRUE(context.ok());
    const auto name = [&](const Config& config, std::int64_t count) {
      const auto selector = Selector::Create(config);
      return selector.value().Choose(*context.value(), {.count = count}).value()->name();
    };
    EXPECT_EQ(name(Config(), 100), "recursive_doubling");
    EXPECT_EQ(name(Config(), 10'000'000), "ring");
    EXPECT_EQ(name(ConfigWith("auto", "on"), 10'000'000), "recursive_doubling");
    EXPECT_EQ(name(ConfigWith("ring"), 100), "ring");
  });
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
        EXPECT_GE(first.value()->order(3), reproducible == std::string_view("on")
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

}  // namespace
}  // namespace ronde
