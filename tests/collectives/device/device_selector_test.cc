#include "collectives/device/device_selector.h"

#include <string>
#include <string_view>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collectives/selector.h"
#include "tests/collectives/device/device_ranks.h"

namespace ronde {
namespace {

using testing::AllOf;
using testing::HasSubstr;

using By = DeviceSelector::Decision::By;

Config Naming(const std::string& algorithm, const std::string& reproducible = "off") {
  return ConfigWith(
      {{Setting::kAllreduceAlgorithm, algorithm}, {Setting::kReproducible, reproducible}});
}

AllreduceArguments Bytes(std::int64_t count) { return {.count = count, .dtype = DataType::kUInt8}; }

// What a call of `count` bytes gets: the name and the cause.
std::pair<std::string, By> ChoiceOf(const Config& config, const Tuning* tuning,
                                    DeviceContext& context, std::int64_t count) {
  const auto selector = DeviceSelector::Create(config, tuning);
  EXPECT_TRUE(selector.ok()) << selector.status().message();
  const auto decision = selector.value().Decide(context, Bytes(count));
  if (!decision.ok()) return {decision.status().message(), By::kCost};
  const DeviceAllreduceAlgorithm* const algorithm = decision.value().algorithm;
  return {algorithm != nullptr ? std::string(algorithm->name()) : "staged", decision.value().by};
}

TEST(DeviceSelector, TakesTheLeastCostWithoutASetting) {
  RunDeviceRanks(2, [](DeviceRank& rank) {
    EXPECT_EQ(ChoiceOf(Config(), nullptr, rank.context, 1000),
              std::pair(std::string("cuda_ipc"), By::kCost));
  });
}

TEST(DeviceSelector, StagesWhereNothingSupportsTheCall) {
  DeviceRanksOptions options;
  options.device = [](int) {
    SimulatedDevice::Options device;
    device.exportable = false;
    return device;
  };
  const auto body = [](DeviceRank& rank) {
    EXPECT_EQ(ChoiceOf(Config(), nullptr, rank.context, 1000).first, "staged");
    // A name never falls back silently.
    const auto [refusal, by] = ChoiceOf(Naming("cuda_ipc"), nullptr, rank.context, 1000);
    EXPECT_THAT(refusal, AllOf(HasSubstr("--allreduce-algorithm 'cuda_ipc' cannot run allreduce"),
                               HasSubstr("simulated device memory on 2 ranks on 1 host"),
                               HasSubstr("peer access"), HasSubstr("use auto")));
  };
  RunDeviceRanks(2, body, options);
}

TEST(DeviceSelector, TakesWhatARuleNamesForTheSize) {
  RunDeviceRanks(2, [](DeviceRank& rank) {
    const Config config = Naming("nccl:1M-,cuda_ipc");
    EXPECT_EQ(ChoiceOf(config, nullptr, rank.context, 1000),
              std::pair(std::string("cuda_ipc"), By::kSetting));
    EXPECT_THAT(ChoiceOf(config, nullptr, rank.context, 2 << 20).first,
                AllOf(HasSubstr("'nccl:1M-' cannot run"), HasSubstr("NCCL")));
  });
}

TEST(DeviceSelector, IgnoresNamesThatOnlyHostMemoryKnows) {
  RunDeviceRanks(2, [](DeviceRank& rank) {
    EXPECT_EQ(ChoiceOf(Naming("ring"), nullptr, rank.context, 1000),
              std::pair(std::string("cuda_ipc"), By::kCost));
    EXPECT_EQ(ChoiceOf(Naming("ring,cuda_ipc"), nullptr, rank.context, 1000),
              std::pair(std::string("cuda_ipc"), By::kSetting));
    EXPECT_EQ(ChoiceOf(Naming("local=shared_memory"), nullptr, rank.context, 1000).second,
              By::kCost);
  });
}

TEST(Selector, IgnoresNamesThatOnlyDeviceMemoryKnows) {
  RunRanks(2, [](Transport& transport) {
    auto context = CollectiveContext::Create(transport, Config());
    ASSERT_TRUE(context.ok());
    const auto decide = [&](const std::string& rules) {
      const auto selector = Selector::Create(Naming(rules));
      EXPECT_TRUE(selector.ok()) << selector.status().message();
      const auto decision = selector.value().Decide(*context.value(), Bytes(1000));
      EXPECT_TRUE(decision.ok()) << decision.status().message();
      return std::pair(std::string(decision.value().algorithm->name()), decision.value().by);
    };
    EXPECT_EQ(decide("cuda_ipc").second, Selector::Decision::By::kCost);
    EXPECT_EQ(decide("nccl"), decide("auto"));
    EXPECT_EQ(decide("nccl,ring"),
              std::pair(std::string("ring"), Selector::Decision::By::kSetting));
  });
}

TEST(DeviceSelector, AnUnknownNameIsAnErrorThatListsBothTables) {
  for (const auto& refused : {DeviceSelector::Create(Naming("rings"), nullptr).status(),
                              Selector::Create(Naming("rings")).status()}) {
    EXPECT_EQ(refused.code(), StatusCode::kInvalidArgument);
    EXPECT_THAT(refused.message(), AllOf(HasSubstr("'rings'"), HasSubstr(", ring, "),
                                         HasSubstr(", cuda_ipc"), HasSubstr(", nccl")));
  }
}

// What is wrong for devices is wrong everywhere: a job does not begin to fail when it gets one.
TEST(DeviceSelector, ReproducibleRulesOutWhatKeepsNoOrder) {
  for (const auto& refused : {DeviceSelector::Create(Naming("nccl", "on"), nullptr).status(),
                              Selector::Create(Naming("nccl", "on")).status()}) {
    EXPECT_EQ(refused.code(), StatusCode::kInvalidArgument);
    EXPECT_THAT(refused.message(),
                AllOf(HasSubstr("'nccl' contradicts --reproducible on"),
                      HasSubstr("order of additions depends on how tensors were fused")));
  }
  EXPECT_TRUE(DeviceSelector::Create(Naming("cuda_ipc", "tree"), nullptr).ok());
  EXPECT_TRUE(Selector::Create(Naming("cuda_ipc", "tree")).ok());
  EXPECT_THAT(DeviceSelector::Create(Naming("cuda_ipc:-1M", "on"), nullptr).status().message(),
              HasSubstr("gives some sizes to"));
}

Tuning TunedWith(std::vector<TunedRule> rules) {
  Tuning tuning;
  tuning.ranks = 2;
  tuning.device = {.device = "", .costs = {}, .allreduce = std::move(rules)};
  return tuning;
}

TEST(DeviceSelector, TunedRulesComeBeforeCostsAndGiveWayWhereTheyCannotRun) {
  RunDeviceRanks(2, [](DeviceRank& rank) {
    const Tuning tuning =
        TunedWith({{.algorithm = "nccl"},
                   {.algorithm = "cuda_ipc", .max_bytes = 100},
                   {.algorithm = "cuda_ipc", .buffers = TunedRule::Buffers::kRegistered}});
    EXPECT_EQ(ChoiceOf(Config(), &tuning, rank.context, 100).second, By::kTuningFile);
    EXPECT_EQ(ChoiceOf(Config(), &tuning, rank.context, 101).second, By::kCost);
  });
}

TEST(DeviceSelector, ATunedRuleMustNameADeviceAlgorithm) {
  const Tuning tuning = TunedWith({{.algorithm = "ring"}});
  const Status refused = DeviceSelector::Create(Config(), &tuning).status();
  EXPECT_EQ(refused.code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(refused.message(), AllOf(HasSubstr("--tuning-file: device rule 1 for 2 ranks"),
                                       HasSubstr("'ring'"), HasSubstr("cuda_ipc")));
  EXPECT_EQ(Selector::Create(Config(), &tuning).status().code(), StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace ronde
