#include "launcher/remote_shell.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ronde {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(RemoteShell, IsSshWithPortAndKeyAndNoQuestions) {
  const RemoteShell shell =
      PlanRemoteShell({.ssh_port = 2222, .ssh_identity_file = "/home/me/key"});
  EXPECT_THAT(RemoteCommand(shell, "n1", "echo 'a'", 5.9),
              ElementsAre("ssh", "-p", "2222", "-i", "/home/me/key", "-x", "-o", "BatchMode=yes",
                          "-o", "ConnectTimeout=5", "n1", "sh -c 'echo '\\''a'\\'''"));
  EXPECT_THAT(RemoteCommand(shell, "n1", "true", 0.2), testing::Contains("ConnectTimeout=1"));
}

TEST(RemoteShell, IsTheAgentThatMpirunWillUse) {
  const RemoteShell shell = PlanRemoteShell({.agent = "/no/such/agent -q : /bin/sh",
                                             .agent_options = "-v",
                                             .ssh_port = 22,
                                             .search_path = "/bin"});
  EXPECT_FALSE(shell.is_ssh);
  EXPECT_THAT(RemoteCommand(shell, "n1", "true", 5),
              ElementsAre("/bin/sh", "-v", "-p", "22", "n1", "sh -c true"));
  EXPECT_THAT(PlanRemoteShell({.agent = "/no/such/agent -q"}).command,
              ElementsAre("/no/such/agent", "-q"));
  EXPECT_THAT(PlanRemoteShell({.agent = " : "}).command, ElementsAre("ssh"));
}

TEST(RemoteShell, IsSrunInsideOfSlurmJobs) {
  const RemoteShell shell = PlanRemoteShell({.batch_system = BatchSystem::kSlurm});
  EXPECT_THAT(RemoteCommand(shell, "n1", "echo $x", 5),
              ElementsAre("env", "SLURM_OVERLAP=1", "srun", "--nodes=1", "--ntasks=1", "--quiet",
                          "--nodelist=n1", "sh", "-c", "echo $x"));
  EXPECT_TRUE(PlanRemoteShell({.agent = "agent", .batch_system = BatchSystem::kSlurm}).is_slurm);
  EXPECT_TRUE(PlanRemoteShell({.batch_system = BatchSystem::kPbs}).is_ssh);
}

TEST(RemoteShell, ExplainsItsFailuresWithARemedy) {
  const RemoteShell ssh = PlanRemoteShell({});
  EXPECT_EQ(ExplainRemoteFailure(ssh, 255, "Warning: x\nme@n1: Permission denied (publickey).\r\n"),
            "cannot be reached: ssh says 'me@n1: Permission denied (publickey).'; give it a key "
            "that needs no password (ssh-copy-id, ssh-agent), or name one with "
            "--ssh-identity-file");
  EXPECT_THAT(ExplainRemoteFailure(ssh, 255, "ssh: connect to host n1 port 22: Connection refused"),
              HasSubstr("start sshd there, or name its port with --ssh-port"));
  EXPECT_THAT(ExplainRemoteFailure(ssh, 255, "Host key verification failed."),
              HasSubstr("log in once by hand"));
  EXPECT_THAT(ExplainRemoteFailure(ssh, 255, "ssh: Could not resolve hostname n1: x"),
              HasSubstr("/etc/hosts"));
  EXPECT_EQ(ExplainRemoteFailure(ssh, 255, ""),
            "cannot be reached: ssh ended with exit code 255; try it by hand: ssh HOST true");
  EXPECT_THAT(ExplainRemoteFailure(ssh, 127, ""), HasSubstr("Debian package openssh-client"));
  const RemoteShell srun = PlanRemoteShell({.batch_system = BatchSystem::kSlurm});
  EXPECT_THAT(ExplainRemoteFailure(srun, 1, "srun: error: Unable to create step for job 2: x"),
              HasSubstr("free the resources of the job"));
}

}  // namespace
}  // namespace ronde
