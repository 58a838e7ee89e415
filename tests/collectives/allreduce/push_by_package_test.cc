#include <cstring>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "collectives/selector.h"
#include "collectives/shared/package_groups.h"
#include "core/comm/topology_file.h"
#include "tests/conformance/allreduce_conformance.h"
#include "tests/support/run_ranks.h"
#include "tests/support/temporary_folder.h"

namespace ronde {
namespace {

TEST(PackageGroups, AreEvenWithAsManyRanksOnEachOfSeveralPackages) {
  const auto even = [](const std::vector<int>& packages) { return PackageGroups(packages).even(); };
  EXPECT_TRUE(even({0, 0, 1, 1}));
  EXPECT_TRUE(even({2, 0, 0, 2}));
  EXPECT_FALSE(even({0, 0, 0, 0}));
  EXPECT_FALSE(even({0, 1}));
  EXPECT_FALSE(even({0, 0, 1}));
  const auto in_tree_order = [](const std::vector<int>& packages) {
    return PackageGroups(packages).in_tree_order();
  };
  EXPECT_TRUE(in_tree_order({0, 0, 1, 1, 2, 2}));
  EXPECT_FALSE(in_tree_order({0, 1, 0, 1}));
  EXPECT_FALSE(in_tree_order({0, 0, 0, 1, 1, 1}));
  const std::vector<int> mixed = {2, 0, 0, 2};
  const PackageGroups groups(mixed);
  EXPECT_EQ(std::vector<int>(groups.members(0).begin(), groups.members(0).end()),
            (std::vector<int>{1, 2}));
}

// A machine with `packages` packages of four CPUs each; ranks that are not bound spread over them.
class OnTwoPackages : public testing::Test {
 protected:
  [[nodiscard]] Config ConfigOn(int packages) const {
    Topology topology;
    topology.packages = packages;
    for (int cpu = 0; cpu < 4 * packages; ++cpu) {
      topology.package_of_cpu.push_back(cpu / 4);
      topology.allowed_cpus.push_back(cpu);
    }
    topology.available_cores = 4 * packages;
    const std::string path = folder_.File("topology.json");
    EXPECT_TRUE(WriteTopology(topology, path).ok());
    Config config;
    EXPECT_TRUE(config.Set(Setting::kTopology, path, SettingOrigin::kProgram).ok());
    return config;
  }

  TemporaryFolder folder_;
};

class OnPackages : public OnTwoPackages, public testing::WithParamInterface<int> {};

TEST_P(OnPackages, PushByPackageConforms) {
  const int ranks = GetParam();
  const Config config = ConfigOn(ranks % 3 == 0 ? 3 : 2);
  RunRanks(ranks, [&](Transport& transport) {
    auto context = CollectiveContext::Create(transport, config);
    ASSERT_TRUE(context.ok()) << context.status().message();
    const AllreduceAlgorithm* const algorithm = FindAllreduceAlgorithm("push_by_package");
    ASSERT_NE(algorithm, nullptr);
    for (AllreduceCase test : AllreduceCases({0, 1, ranks - 1, ranks, 17, 1000, 5003})) {
      test.registered = true;
      const MemoryPlace place = {.block = 1};
      if (!algorithm->Reduces(test.op) ||
          !algorithm->Supports(*context.value(), {.count = test.count,
                                                  .dtype = test.dtype,
                                                  .op = test.op,
                                                  .input_place = place,
                                                  .output_place = place})) {
        continue;
      }
      const Status status = CheckAllreduce(*context.value(), *algorithm, test);
      EXPECT_TRUE(status.ok()) << status.message();
      if (!status.ok()) return transport.Abort(status);
    }
  });
}

INSTANTIATE_TEST_SUITE_P(Ranks, OnPackages, testing::Values(4, 6, 8));

// Whether a tensor is fused, and so leaves registered memory, depends on timing: bits must not.
TEST_P(OnPackages, PushByPackageGivesTheBitsOfPushTwoShot) {
  const int ranks = GetParam();
  const Config config = ConfigOn(ranks % 3 == 0 ? 3 : 2);
  RunRanks(ranks, [&](Transport& transport) {
    auto context = CollectiveContext::Create(transport, config);
    ASSERT_TRUE(context.ok()) << context.status().message();
    constexpr std::int64_t kCount = 1003;
    auto memory = context.value()->registered().Allocate(
        context.value()->communicator().local().transport(), 3 * 4096, Deadline::After(30));
    ASSERT_TRUE(memory.ok());
    auto* const values = reinterpret_cast<float*>(memory.value().get());
    for (int i = 0; i < kCount; ++i) {
      values[i] = 1.0F / static_cast<float>(1 + i + 17 * transport.rank());
    }
    AllreduceArguments arguments = {.input = values, .count = kCount, .op = ReduceOp::kAverage};
    arguments.input_place = context.value()->registered().Find(values, 4 * kCount);
    int copy = 0;
    for (const char* name : {"push_two_shot", "push_by_package"}) {
      float* const output = values + 1024 * ++copy;
      arguments.output = output;
      arguments.output_place = context.value()->registered().Find(output, 4 * kCount);
      ASSERT_TRUE(FindAllreduceAlgorithm(name)->Run(*context.value(), arguments).ok());
    }
    EXPECT_EQ(std::memcmp(values + 1024, values + 2048, 4 * kCount), 0);
  });
}

TEST_F(OnTwoPackages, LargeTensorsAreReducedByPackageAndSmallOnesAtOnce) {
  const Config config = ConfigOn(2);
  RunRanks(8, [&](Transport& transport) {
    auto context = CollectiveContext::Create(transport, config);
    ASSERT_TRUE(context.ok()) << context.status().message();
    auto selector = Selector::Create(config);
    ASSERT_TRUE(selector.ok());
    const auto chosen = [&](std::int64_t count, DataType dtype) {
      const MemoryPlace place = {.block = 1};
      const auto algorithm = selector.value().Choose(
          *context.value(),
          {.count = count, .dtype = dtype, .input_place = place, .output_place = place});
      return algorithm.ok() ? std::string(algorithm.value()->name()) : "none";
    };
    EXPECT_EQ(chosen(1 << 22, DataType::kFloat32), "push_by_package");
    EXPECT_NE(chosen(256, DataType::kFloat32), "push_by_package");
    // Partial sums would be rounded.
    EXPECT_EQ(chosen(1 << 22, DataType::kBFloat16), "push_two_shot");
  });
}

}  // namespace
}  // namespace ronde
