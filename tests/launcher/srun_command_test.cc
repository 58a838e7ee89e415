#include "launcher/srun_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ronde {
namespace {

using testing::HasSubstr;

std::string Line(const LaunchPlan& plan) { return ShellQuote(BuildSrunCommand(plan)); }

LaunchPlan Job() {
  LaunchPlan plan;
  plan.launcher = "srun";
  plan.guard = {"/opt/bin/ronde-rank", "--stop-signal", "12"};
  plan.rank_count = 4;
  plan.hosts = {{"n1", 2}, {"n2", 2}};
  plan.hosts_are_allocation = true;
  plan.environment = {{"PATH"}, {"RONDE_LAUNCHED=1", "OMP_WAIT_POLICY=passive"}};
  plan.program = {"/opt/bin/ronde-train", "--epochs", "3"};
  return plan;
}

TEST(SrunCommand, GoldenLineForAWholeAllocation) {
  EXPECT_EQ(Line(Job()),
            "env RONDE_LAUNCHED=1 OMP_WAIT_POLICY=passive srun --mpi=pmix --ntasks=4 "
            "--distribution=block --cpu-bind=none --export=ALL --kill-on-bad-exit=1 "
            "/opt/bin/ronde-rank --stop-signal 12 /opt/bin/ronde-train --epochs 3");
}

TEST(SrunCommand, GoldenLineForChosenHostsWithEverything) {
  LaunchPlan plan = Job();
  plan.guard.insert(plan.guard.end(), {"--output-directory", "/run/out", "--tag-output"});
  plan.hosts = {{"n2", 1}, {"n1", 3}};
  plan.hosts_are_allocation = false;
  plan.binding = Binding::kNuma;
  plan.network_interface = "eth0,eth1";
  plan.environment.assignments = {"RONDE_PROCESS_SETS=0,1;2,3"};
  EXPECT_EQ(Line(plan),
            "env 'RONDE_PROCESS_SETS=0,1;2,3' OMPI_MCA_btl_tcp_if_include=eth0,eth1 srun "
            "--mpi=pmix --ntasks=4 --distribution=arbitrary --nodelist=n2,n1,n1,n1 "
            "--cpu-bind=ldoms --export=ALL --kill-on-bad-exit=1 "
            "/opt/bin/ronde-rank --stop-signal 12 --output-directory /run/out --tag-output "
            "/opt/bin/ronde-train --epochs 3");
}

TEST(SrunCommand, PutsRanksBeyondTheSlotsOnAllHostsInTurn) {
  LaunchPlan plan = Job();
  plan.rank_count = 6;
  plan.hosts_are_allocation = false;
  plan.oversubscribes = true;
  EXPECT_THAT(Line(plan), HasSubstr("--nodelist=n1,n1,n2,n2,n1,n2 --overcommit "));
}

TEST(SrunCommand, BindsToCoresWhereAsked) {
  LaunchPlan plan = Job();
  plan.binding = Binding::kCore;
  EXPECT_THAT(Line(plan), HasSubstr(" --cpu-bind=cores "));
}

}  // namespace
}  // namespace ronde
