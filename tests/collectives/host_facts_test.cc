#include "collectives/host_facts.h"

#include <algorithm>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collectives/collective_context.h"
#include "collectives/selector.h"
#include "core/comm/topology_file.h"
#include "tests/support/run_ranks.h"
#include "tests/support/temporary_folder.h"

namespace ronde {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Config With(Setting setting, const std::string& value) {
  Config config;
  EXPECT_TRUE(config.Set(setting, value, SettingOrigin::kFlag).ok());
  return config;
}

// Two packages of four CPUs, of which this process may use `allowed`.
std::string TwoPackages(const TemporaryFolder& folder, const std::vector<int>& allowed) {
  Topology topology;
  topology.packages = 2;
  topology.package_of_cpu = {0, 0, 0, 0, 1, 1, 1, 1};
  topology.allowed_cpus = allowed;
  topology.available_cores = static_cast<int>(allowed.size());
  topology.l3_bytes = 1 << 20;
  std::string path = folder.File("topology" + std::to_string(allowed.front()) + ".json");
  EXPECT_TRUE(WriteTopology(topology, path).ok());
  return path;
}

std::string WriteTuning(const TemporaryFolder& folder, std::vector<Tuning> entries) {
  std::string path = folder.File("tuning.json");
  EXPECT_TRUE(WriteTuningFile({"some machine", std::move(entries)}, path).ok());
  return path;
}

TEST(HostFacts, UnboundRanksAreSpreadOverThePackagesInOrder) {
  const TemporaryFolder folder;
  const Config config = With(Setting::kTopology, TwoPackages(folder, {0, 1, 2, 3, 4, 5, 6, 7}));
  RunRanks(4, [&](Transport& transport) {
    auto context = CollectiveContext::Create(transport, config);
    ASSERT_TRUE(context.ok()) << context.status().message();
    EXPECT_THAT(context.value()->local_packages(), ElementsAre(0, 0, 1, 1));
    EXPECT_EQ(context.value()->costs(),
              DefaultCosts({.ranks_per_host = 4, .cores = 8, .cache_bytes = 1 << 20}));
  });
}

TEST(HostFacts, ABoundRankIsOnItsPackageWhateverItsNumber) {
  const TemporaryFolder folder;
  const std::string first = TwoPackages(folder, {0, 1});
  const std::string second = TwoPackages(folder, {4, 5, 6});
  RunRanks(3, [&](Transport& transport) {
    const Config config = With(Setting::kTopology, transport.rank() == 1 ? first : second);
    auto context = CollectiveContext::Create(transport, config);
    ASSERT_TRUE(context.ok());
    EXPECT_THAT(context.value()->local_packages(), ElementsAre(1, 0, 1));
    // Five CPUs together: no crowd, though no rank alone could say so.
    EXPECT_EQ(context.value()->costs().shared_memory, CostModel().shared_memory);
  });
}

TEST(HostFacts, PackagesCountFromZeroAmongThoseInUse) {
  const TemporaryFolder folder;
  const Config config = With(Setting::kTopology, TwoPackages(folder, {4, 5}));
  RunRanks(2, [&](Transport& transport) {
    auto context = CollectiveContext::Create(transport, config);
    ASSERT_TRUE(context.ok());
    EXPECT_THAT(context.value()->local_packages(), ElementsAre(0, 0));
  });
}

TEST(HostFacts, CrowdingIsTheWorstHostsOnAllRanks) {
  RunRanksOnHosts({"a", "b", "b", "b"}, [](Transport& transport) {
    auto world = Communicator::Create(transport);
    ASSERT_TRUE(world.ok());
    const auto facts = AgreeOnHosts(world.value(), Config(), Deadline::After(30));
    ASSERT_TRUE(facts.ok());
    EXPECT_EQ(facts.value().crowding.ranks_per_host, 3);
    EXPECT_EQ(facts.value().local_packages.size(), transport.rank() == 0 ? 1U : 3U);
  });
}

// As containers do; a topology file, of which each host has one, speaks of different machines.
TEST(HostFacts, HostsOfOneMachineCountTheRanksThatShareItsCores) {
  const TemporaryFolder folder;
  const auto cpus = static_cast<double>(AllowedCpus().size());
  for (const bool described : {false, true}) {
    const Config config =
        described ? With(Setting::kTopology, TwoPackages(folder, {0, 1})) : Config();
    RunRanksOnHosts({"a", "b", "b", "c"}, [&](Transport& transport) {
      auto world = Communicator::Create(transport);
      ASSERT_TRUE(world.ok());
      const auto facts = AgreeOnHosts(world.value(), config, Deadline::After(30));
      ASSERT_TRUE(facts.ok());
      EXPECT_EQ(facts.value().crowding.ranks_per_shared_core,
                described ? 1 : std::max(1.0, 4 / cpus));
    });
  }
}

TEST(HostFacts, RankZerosTuningFileIsUsedByAllWhereverTheirsIs) {
  const TemporaryFolder folder;
  Tuning mine = {.ranks = 4, .hosts = 2};
  mine.costs.network.alpha_us = 3;
  mine.allreduce = {{"ring"}};
  const std::string path = WriteTuning(folder, {{.ranks = 2, .hosts = 1}, mine});
  RunRanksOnHosts({"a", "a", "b", "b"}, [&](Transport& transport) {
    const std::string elsewhere = transport.rank() == 1 ? "" : folder.File("nowhere");
    const Config config = With(Setting::kTuningFile, transport.rank() == 0 ? path : elsewhere);
    auto context = CollectiveContext::Create(transport, config);
    ASSERT_TRUE(context.ok()) << context.status().message();
    ASSERT_NE(context.value()->tuning(), nullptr);
    EXPECT_EQ(*context.value()->tuning(), mine);
    EXPECT_EQ(context.value()->costs(), mine.costs);
  });
}

TEST(HostFacts, AFileWithoutAnEntryForTheseRanksCountsAsNone) {
  const TemporaryFolder folder;
  const Config config =
      With(Setting::kTuningFile, WriteTuning(folder, {{.ranks = 64, .hosts = 1}}));
  RunRanks(2, [&](Transport& transport) {
    auto context = CollectiveContext::Create(transport, config);
    ASSERT_TRUE(context.ok());
    EXPECT_EQ(context.value()->tuning(), nullptr);
  });
}

// Whichever rank's file is bad, all ranks report the same.
TEST(HostFacts, ABadFileOfOneRankIsEveryRanksError) {
  const TemporaryFolder folder;
  for (const Setting setting : {Setting::kTuningFile, Setting::kTopology}) {
    const int culprit = setting == Setting::kTuningFile ? 0 : 3;
    RunRanksOnHosts({"a", "a", "b", "b"}, [&](Transport& transport) {
      const Config config =
          transport.rank() == culprit ? With(setting, folder.File("nowhere.json")) : Config();
      const auto context = CollectiveContext::Create(transport, config);
      ASSERT_FALSE(context.ok());
      EXPECT_EQ(context.status().code(), StatusCode::kInvalidArgument);
      EXPECT_THAT(context.status().message(), HasSubstr(SpecOf(setting).flag));
      EXPECT_THAT(context.status().message(), HasSubstr("nowhere.json"));
    });
  }
}

}  // namespace
}  // namespace ronde
