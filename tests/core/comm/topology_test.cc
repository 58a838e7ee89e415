#include "core/comm/topology.h"

#include <sched.h>

#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/comm/host_identity.h"

namespace ronde {
namespace {

using ::testing::HasSubstr;

TEST(Topology, DetectsThisMachine) {
  const Topology topology = DetectTopology();
  EXPECT_EQ(topology.host_name, HostName());
  EXPECT_GE(topology.cores, 1);
  EXPECT_GE(topology.processing_units, topology.cores);
  EXPECT_GT(topology.memory_bytes, 0);
  EXPECT_GE(topology.available_cores, 1);
  EXPECT_LE(topology.available_cores, static_cast<int>(topology.allowed_cpus.size()));
}

TEST(Topology, AvailableCoresFollowTheAffinityMask) {
  std::thread([] {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(AllowedCpus().front(), &one);
    ASSERT_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
    EXPECT_EQ(AvailableCores(), 1);
    EXPECT_EQ(AllowedCpus().size(), 1U);
  }).join();
}

TEST(Topology, DescriptionSaysWhatIsKnownAndWhatIsNot) {
  Topology topology;
  topology.host_name = "node7";
  topology.packages = 2;
  topology.numa_nodes = 1;
  topology.cores = 8;
  topology.processing_units = 16;
  topology.l2_bytes = 2 * 1024 * 1024;
  topology.memory_bytes = std::int64_t{3} << 29;
  topology.allowed_cpus = {0, 1, 2, 5, 8, 9};
  topology.available_cores = 4;
  const std::string text = Describe(topology);
  EXPECT_THAT(text, HasSubstr("node7: 2 packages, 1 NUMA node, 8 cores, 16 threads"));
  EXPECT_THAT(text, HasSubstr("L2 2 MiB, L3 unknown, memory 1.5 GiB"));
  EXPECT_THAT(text, HasSubstr("may use 4 at once (CPUs 0-2,5,8-9)"));
}

TEST(Topology, KnowsThePackageOfEveryCpuThatItMayUse) {
  const Topology topology = DetectTopology();
  for (const int cpu : topology.allowed_cpus) {
    ASSERT_LT(static_cast<std::size_t>(cpu), topology.package_of_cpu.size());
    EXPECT_GE(topology.package_of_cpu[static_cast<std::size_t>(cpu)], 0);
    EXPECT_LT(topology.package_of_cpu[static_cast<std::size_t>(cpu)], topology.packages);
  }
}

TEST(Topology, BoundToAPackageOnlyWhereAllCpusAreOnIt) {
  Topology topology;
  topology.package_of_cpu = {0, 0, 1, 1, -1};
  const auto bound = [&](std::vector<int> cpus) {
    topology.allowed_cpus = std::move(cpus);
    return BoundPackage(topology);
  };
  EXPECT_EQ(bound({0, 1}), 0);
  EXPECT_EQ(bound({2}), 1);
  EXPECT_EQ(bound({1, 2}), -1);
  EXPECT_EQ(bound({}), -1);
  EXPECT_EQ(bound({4}), -1);
  EXPECT_EQ(bound({9}), -1);
}

TEST(Topology, TheLastLevelCacheIsOfAPlausibleSizeOrUnknown) {
  const std::int64_t size_bytes = LastLevelCacheBytes();
  EXPECT_GE(size_bytes, 0);
  EXPECT_LE(size_bytes, std::int64_t{8} << 30);
  EXPECT_EQ(size_bytes % 1024, 0);
}

TEST(Topology, MachineKeyLeavesOutWhatDoesNotChangeSpeed) {
  Topology topology;
  topology.host_name = "node7";
  topology.cpu_model = "Some CPU";
  topology.packages = 2;
  topology.cores = 8;
  topology.processing_units = 16;
  topology.l3_bytes = 32 << 20;
  EXPECT_EQ(MachineKey(topology), "Some CPU, 2 packages, 8 cores, 16 threads, L3 32 MiB");
}

TEST(HostIdentity, IsStableAndNamesTheHost) {
  EXPECT_EQ(DerivedHostId(), DerivedHostId());
  EXPECT_THAT(DerivedHostId(), HasSubstr(HostName()));
  EXPECT_THAT(DerivedHostId(), HasSubstr("net:["));
}

}  // namespace
}  // namespace ronde
