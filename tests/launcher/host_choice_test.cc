#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "launcher/allocation.h"

namespace ronde {
namespace {

using testing::HasSubstr;
using Hosts = std::vector<HostSlots>;

Allocation SlurmJob(Hosts hosts) { return {BatchSystem::kSlurm, "Slurm job 17", std::move(hosts)}; }

Result<HostPlan> Choose(const Hosts& given, const Allocation& allocation) {
  return ChooseHosts(given, "-H", allocation, "n1");
}

TEST(HostChoice, LeavesNoHostsToThisMachine) {
  const Result<HostPlan> plan = Choose({}, Allocation{});
  EXPECT_TRUE(plan.value().hosts.empty());
  EXPECT_FALSE(plan.value().from_allocation);
}

TEST(HostChoice, TakesGivenHostsOutsideOfJobs) {
  EXPECT_EQ(Choose({{"x", 2}}, Allocation{}).value().hosts, (Hosts{{"x", 2}}));
}

TEST(HostChoice, TakesTheWholeAllocationWhereNoneAreGiven) {
  const Result<HostPlan> plan = Choose({}, SlurmJob({{"n1", 2}, {"n2", 2}}));
  EXPECT_EQ(plan.value().hosts, (Hosts{{"n1", 2}, {"n2", 2}}));
  EXPECT_TRUE(plan.value().from_allocation);
}

TEST(HostChoice, LetsGivenHostsChooseFromTheAllocation) {
  const Result<HostPlan> plan = Choose({{"n3.cluster.org", 1}, {"localhost", 2}},
                                       SlurmJob({{"n1", 2}, {"n2", 2}, {"n3", 2}}));
  ASSERT_TRUE(plan.ok()) << plan.status().message();
  EXPECT_EQ(plan.value().hosts, (Hosts{{"n3", 1}, {"n1", 2}}));
  EXPECT_FALSE(plan.value().from_allocation);
  EXPECT_EQ(plan.value().note, "");
}

TEST(HostChoice, NotesSlotsThatTheJobDoesNotHave) {
  const Result<HostPlan> plan = Choose({{"n1", 8}}, SlurmJob({{"n1", 2}}));
  EXPECT_EQ(plan.value().hosts, (Hosts{{"n1", 8}}));
  EXPECT_EQ(plan.value().note, "-H gives 8 slots to n1; Slurm job 17 has 2 there");
}

TEST(HostChoice, RefusesHostsOutsideTheAllocation) {
  EXPECT_EQ(Choose({{"n2", 1}, {"x9", 1}}, SlurmJob({{"n1", 2}, {"n2", 2}})).status().message(),
            "-H: host 'x9' is outside Slurm job 17, which has n1, n2; choose from these, leave -H "
            "out to use them all, or allocate 'x9' too");
  EXPECT_THAT(Choose({{"localhost", 1}}, SlurmJob({{"n2", 2}})).status().message(),
              HasSubstr("host 'localhost' is outside"));
}

TEST(HostChoice, KeepsFullNamesAndAddressesApart) {
  const Allocation job = SlurmJob({{"n1.a.org", 2}, {"10.0.0.1", 2}});
  EXPECT_TRUE(Choose({{"n1", 1}}, job).ok());
  EXPECT_FALSE(Choose({{"n1.b.org", 1}}, job).ok());
  EXPECT_FALSE(Choose({{"10.0.0.2", 1}}, job).ok());
  EXPECT_FALSE(Choose({{"10", 1}}, job).ok());
}

}  // namespace
}  // namespace ronde
