#include "launcher/mpirun_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ronde {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr auto k4 = MpirunVersion::kOpenMpi4;
constexpr auto k5 = MpirunVersion::kOpenMpi5;

std::string Line(const LaunchPlan& plan, MpirunVersion version) {
  return ShellQuote(BuildMpirunCommand(plan, version));
}

LaunchPlan OneHost() {
  LaunchPlan plan;
  plan.guard = {"/opt/bin/ronde-rank"};
  plan.rank_count = 2;
  plan.environment = {{"PATH"}, {"RONDE_LAUNCHED=1"}};
  plan.program = {"/opt/bin/ronde-train", "--epochs", "3"};
  return plan;
}

// Everything that can be in a line.
LaunchPlan Everything() {
  LaunchPlan plan = OneHost();
  plan.launcher = "/opt/openmpi/bin/mpirun";
  plan.guard = {"/opt/bin/ronde-rank", "--report-start", "--output-directory", "/run/o ut",
                "--tag-output"};
  plan.rank_count = 8;
  plan.hosts = {{"n1", 2}, {"n2", 4}};
  plan.oversubscribes = true;
  plan.runs_as_root = true;
  plan.binding = Binding::kNuma;
  plan.network_interface = "eth0,eth1";
  plan.ssh_port = 2222;
  plan.ssh_identity_file = "/root/.ssh/cluster";
  plan.environment = {{"PATH", "DATA"}, {"RONDE_TIMEOUT_S=7", "NOTE=it's mine"}};
  plan.program = {"/bin/sh", "-c", "echo $HOME"};
  return plan;
}

TEST(MpirunCommand, GoldenLineOfOpenMpi4ForOneHost) {
  EXPECT_EQ(Line(OneHost(), k4),
            "mpirun --bind-to none --map-by slot --mca ess_base_forward_signals SIGURG -np 2 "
            "-x PATH -x RONDE_LAUNCHED=1 "
            "/opt/bin/ronde-rank /opt/bin/ronde-train --epochs 3");
}

TEST(MpirunCommand, GoldenLineOfOpenMpi5ForOneHost) {
  EXPECT_EQ(Line(OneHost(), k5),
            "mpirun --bind-to none --map-by slot --forward-signals SIGURG -np 2 "
            "-x PATH -x RONDE_LAUNCHED=1 "
            "/opt/bin/ronde-rank /opt/bin/ronde-train --epochs 3");
}

TEST(MpirunCommand, GoldenLineOfOpenMpi4WithEverything) {
  EXPECT_EQ(Line(Everything(), k4),
            "/opt/openmpi/bin/mpirun --allow-run-as-root "
            "--bind-to numa:overload-allowed --map-by numa --oversubscribe "
            "--mca ess_base_forward_signals SIGURG "
            "--mca btl_tcp_if_include eth0,eth1 --mca oob_tcp_if_include eth0,eth1 "
            "--mca plm_rsh_args '-p 2222 -i /root/.ssh/cluster' "
            "-np 8 -H n1:2,n2:4 -x PATH -x DATA -x RONDE_TIMEOUT_S=7 -x 'NOTE=it'\\''s mine' "
            "/opt/bin/ronde-rank --report-start --output-directory '/run/o ut' --tag-output "
            "/bin/sh -c 'echo $HOME'");
}

TEST(MpirunCommand, GoldenLineOfOpenMpi5WithEverything) {
  EXPECT_EQ(Line(Everything(), k5),
            "/opt/openmpi/bin/mpirun --allow-run-as-root "
            "--bind-to numa:overload-allowed --map-by numa:OVERSUBSCRIBE "
            "--forward-signals SIGURG "
            "--mca btl_tcp_if_include eth0,eth1 --prtemca prte_if_include eth0,eth1 "
            "--prtemca plm_ssh_args '-p 2222 -i /root/.ssh/cluster' "
            "-np 8 -H n1:2,n2:4 -x PATH -x DATA -x RONDE_TIMEOUT_S=7 -x 'NOTE=it'\\''s mine' "
            "/opt/bin/ronde-rank --report-start --output-directory '/run/o ut' --tag-output "
            "/bin/sh -c 'echo $HOME'");
}

TEST(MpirunCommand, BindsRanksToCoresWhereAsked) {
  LaunchPlan plan = OneHost();
  plan.binding = Binding::kCore;
  for (const MpirunVersion version : {k4, k5}) {
    EXPECT_THAT(Line(plan, version), HasSubstr(" --bind-to core --map-by core "));
  }
}

TEST(MpirunCommand, OversubscribesInTheWordsOfEachVersion) {
  LaunchPlan plan = OneHost();
  plan.oversubscribes = true;
  EXPECT_THAT(Line(plan, k4), HasSubstr(" --map-by slot --oversubscribe "));
  EXPECT_THAT(Line(plan, k5), HasSubstr(" --map-by slot:OVERSUBSCRIBE "));
  EXPECT_THAT(Line(plan, k5), Not(HasSubstr("--oversubscribe")));
}

TEST(MpirunCommand, KeepsTheUsersOwnArgumentsOfTheRemoteShell) {
  LaunchPlan plan = OneHost();
  plan.remote_shell_arguments = "-o Compression=yes";
  EXPECT_THAT(Line(plan, k4), Not(HasSubstr("plm_rsh_args"))) << "they are in the environment";
  plan.ssh_port = 22;
  EXPECT_THAT(Line(plan, k4), HasSubstr("--mca plm_rsh_args '-o Compression=yes -p 22' "));
}

TEST(MpirunCommand, ALoginNodeMayLackTheHostsInterface) {
  LaunchPlan plan = OneHost();
  plan.network_interface = "eth1";
  plan.runs_here = false;
  for (const MpirunVersion version : {k4, k5}) {
    EXPECT_THAT(Line(plan, version), HasSubstr("btl_tcp_if_include eth1 "));
    EXPECT_THAT(Line(plan, version), Not(HasSubstr("oob_tcp_if_include")));
    EXPECT_THAT(Line(plan, version), Not(HasSubstr("prte_if_include")));
  }
}

TEST(MpirunVersion, ReadsWhatMpirunSaysOfItself) {
  EXPECT_EQ(ParseMpirunVersion("mpirun (Open MPI) 4.1.4\n\nReport bugs to ...\n").value(), k4);
  EXPECT_EQ(ParseMpirunVersion("mpirun (Open MPI) 4.0.0rc1").value(), k4);
  EXPECT_EQ(ParseMpirunVersion("mpirun (Open MPI) 5.0.8\n").value(), k5);
  EXPECT_EQ(ParseMpirunVersion("mpirun (Open MPI) 6.1.0a1\n").value(), k5);
}

TEST(MpirunVersion, RefusesOtherMpisByName) {
  EXPECT_THAT(ParseMpirunVersion("mpirun (Open MPI) 3.1.3\n").status().message(),
              HasSubstr("it is Open MPI 3.1.3; expected Open MPI 4 or 5"));
  EXPECT_THAT(ParseMpirunVersion("HYDRA build details:\n  Version: 4.0\n").status().message(),
              HasSubstr("'HYDRA build details:'; expected Open MPI 4 or 5"));
  EXPECT_FALSE(ParseMpirunVersion("").ok());
}

}  // namespace
}  // namespace ronde
