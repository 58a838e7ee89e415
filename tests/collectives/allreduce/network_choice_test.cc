// Which of the algorithms that send messages costs least between hosts with one rank each.
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "collectives/allreduce/algorithm.h"
#include "collectives/selector.h"
#include "tests/support/run_ranks.h"

namespace ronde {
namespace {

constexpr std::int64_t kMiB = 1 << 20;

// In the order of the table: the first of equals wins.
std::string Cheapest(CollectiveContext& context, std::int64_t size_bytes) {
  std::string best;
  double best_us = 0;
  for (const std::string_view name :
       {"pairwise", "recursive_doubling", "direct", "halving_doubling", "ring"}) {
    const AllreduceAlgorithm& algorithm = *FindAllreduceAlgorithm(name);
    const AllreduceArguments arguments = {.count = size_bytes / 4};
    if (!algorithm.Supports(context, arguments)) continue;
    const double us = algorithm.Cost(context, arguments);
    if (!best.empty() && us >= best_us) continue;
    best = name;
    best_us = us;
  }
  return best;
}

// By size.
std::vector<std::string> Choices(int hosts, const std::vector<std::int64_t>& sizes) {
  std::vector<std::string> ids;
  for (int host = 0; host < hosts; ++host) ids.push_back(std::to_string(host));
  std::vector<std::string> choices;
  RunRanksOnHosts(ids, [&](Transport& transport) {
    auto context = CollectiveContext::Create(transport, Config());
    ASSERT_TRUE(context.ok()) << context.status().message();
    if (transport.rank() != 0) return;
    context.value()->set_costs(CostModel());  // whatever machine this is
    for (const std::int64_t size : sizes) choices.push_back(Cheapest(*context.value(), size));
  });
  return choices;
}

using Names = std::vector<std::string>;

TEST(NetworkChoice, TwoHostsExchangeWhatTheyHave) {
  EXPECT_EQ(Choices(2, {4, kMiB, 64 * kMiB}), Names(3, "pairwise"));
}

// Measured with 3 and 4 hosts at 1 Gb/s: few messages while they are small, all of the wire later.
TEST(NetworkChoice, SomeHostsTalkToAllAtOnceOnlyWhereMessagesAreLarge) {
  const std::vector<std::int64_t> sizes = {4, 64 << 10, 64 * kMiB};
  const Names expected = {"recursive_doubling", "halving_doubling", "direct"};
  EXPECT_EQ(Choices(4, sizes), expected);
  EXPECT_EQ(Choices(8, sizes), expected);
  EXPECT_EQ(Choices(3, sizes), (Names{"recursive_doubling", "direct", "direct"}));
}

// What auto takes between hosts that share cores; by size.
Names SharedChoices(const std::vector<std::string>& hosts, double ranks_per_core,
                    const std::vector<std::int64_t>& sizes) {
  Names names;
  RunRanksOnHosts(hosts, [&](Transport& transport) {
    auto context = CollectiveContext::Create(transport, Config());
    ASSERT_TRUE(context.ok());
    if (transport.rank() != 0) return;
    context.value()->set_costs(DefaultCosts({.ranks_per_shared_core = ranks_per_core}));
    const auto selector = Selector::Create(Config());
    for (const std::int64_t size : sizes) {
      const AllreduceArguments arguments = {.count = size / 4};
      names.emplace_back(selector.value().Choose(*context.value(), arguments).value()->name());
    }
  });
  return names;
}

// Measured with 3 hosts on 2 cores: one latency and six messages 42 us, three and four 27 us.
TEST(NetworkChoice, HostsThatShareTheirCoresSaveMessagesAndOthersLatency) {
  const std::vector<std::string> three = {"a", "b", "c"};
  EXPECT_EQ(SharedChoices(three, 1, {4}), Names{"hierarchical"});
  EXPECT_EQ(SharedChoices(three, 1.5, {4, 1 << 10}), Names(2, "recursive_doubling"));
}

// Measured with 4 hosts on 2 cores: 16 KiB 226 us by halving, 282 us by doubling.
TEST(NetworkChoice, TurnsAreTakenWhileTheWireWorks) {
  const std::vector<std::string> four = {"a", "b", "c", "d"};
  EXPECT_EQ(SharedChoices(four, 2, {4, 16 << 10, 64 << 10}),
            (Names{"recursive_doubling", "halving_doubling", "halving_doubling"}));
}

TEST(NetworkChoice, ManyHostsDoNotTalkToAllAtOnce) {
  EXPECT_EQ(Choices(24, {64, 64 * kMiB}), (Names{"recursive_doubling", "ring"}));
  EXPECT_EQ(Choices(32, {64, 64 * kMiB}), (Names{"recursive_doubling", "ring"}));
}

// Of calls that are reproducible in the strictest sense, large ones need not send everything in
// every step.
TEST(NetworkChoice, TreesAreThereForEverySize) {
  for (const std::string_view name : {"pairwise", "direct", "halving_doubling"}) {
    EXPECT_EQ(FindAllreduceAlgorithm(name)->order(8), ReductionOrder::kTree) << name;
  }
}

}  // namespace
}  // namespace ronde
