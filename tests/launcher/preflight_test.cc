#include "launcher/preflight.h"

#include <sys/stat.h>

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/temporary_folder.h"

namespace ronde {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::int64_t kMiB = 1024 * 1024;

HostReport GoodFacts(int number) {
  HostReport facts;
  facts.host_name = "n" + std::to_string(number);
  facts.ronde_version = "0.1.0";
  facts.mpi_version = "mpirun (Open MPI) 4.1.4";
  facts.shared_memory_free_bytes = 1024 * kMiB;
  NetworkInterface eth0;
  eth0.name = "eth0";
  eth0.up = true;
  eth0.addresses = {{"10.0.0." + std::to_string(number), 24}};
  facts.interfaces = {eth0};
  return facts;
}

class Preflight : public testing::Test {
 protected:
  Preflight() {
    request_.ronderun = "/opt/ronde/ronderun";
    request_.mpirun = "mpirun";
    request_.program = "/opt/train";
    for (int i = 1; i <= 3; ++i) {
      answers_.push_back({GoodFacts(i).host_name, 2, GoodFacts(i), ""});
    }
  }

  Result<PreflightFindings> Judge() const { return JudgeHosts(answers_, GoodFacts(1), request_); }
  std::string Error() const { return Judge().status().message(); }

  PreflightRequest request_;
  std::vector<HostAnswer> answers_;
};

TEST_F(Preflight, FindsTheNetworkOfGoodHosts) {
  const Result<PreflightFindings> findings = Judge();
  ASSERT_TRUE(findings.ok()) << findings.status().message();
  EXPECT_EQ(findings.value().network.value, "eth0");
  EXPECT_THAT(findings.value().warnings, ElementsAre());
}

TEST_F(Preflight, NamesHostsOfOneProblemTogether) {
  answers_[1].facts.program_problem = "program '/opt/train' does not exist";
  answers_[2].facts.program_problem = "program '/opt/train' does not exist";
  EXPECT_EQ(Error(),
            "each of hosts n2, n3 cannot run it: program '/opt/train' does not exist; copy it to "
            "the same path there, or use a folder that all hosts share");
}

TEST_F(Preflight, SaysFirstWhatKeepsAHostFromAnswering) {
  answers_[0].facts.program_problem = "program '/opt/train' does not exist";
  answers_[2].problem = "cannot be reached: ssh says 'no'; try it by hand: ssh HOST true";
  EXPECT_EQ(Error(), "host n3 cannot be reached: ssh says 'no'; try it by hand: ssh HOST true");
}

TEST_F(Preflight, RefusesOtherVersions) {
  answers_[1].facts.ronde_version = "0.2.0";
  EXPECT_EQ(Error(),
            "host n2 has Ronde 0.2.0 at /opt/ronde/ronderun, this one has 0.1.0; install "
            "the same on all hosts");
  answers_[1].facts = GoodFacts(2);
  answers_[1].facts.mpi_version = "mpirun (Open MPI) 5.0.3";
  EXPECT_EQ(Error(),
            "host n2 has 'mpirun (Open MPI) 5.0.3', this one has 'mpirun (Open MPI) "
            "4.1.4'; install the same on all hosts, or name its folder with --mpi-home");
  answers_[1].facts.mpi_version = "";
  EXPECT_EQ(Error(),
            "host n2 has no mpirun in the PATH of commands that a remote shell starts; "
            "install the same Open MPI there, or name its folder with --mpi-home");
  request_.mpirun = "";  // srun starts the ranks
  EXPECT_TRUE(Judge().ok());
}

TEST_F(Preflight, NeedsRoomInSharedMemory) {
  answers_[1].facts.shared_memory_free_bytes = RequiredSharedMemoryBytes(2) - 1;
  EXPECT_EQ(Error(),
            "host n2 has 5 MiB free in /dev/shm, and Open MPI's shared memory wants 6 "
            "MiB for 2 ranks; remove old files there, or make it larger: mount -o "
            "remount,size=1G /dev/shm (containers: --shm-size=1g)");
}

TEST_F(Preflight, LetsARankWithoutNeighboursDoWithoutSharedMemory) {
  for (HostAnswer& answer : answers_) {
    answer.ranks = 1;
    answer.facts.shared_memory_free_bytes = 0;
  }
  ASSERT_TRUE(Judge().ok()) << Error();
  EXPECT_THAT(Judge().value().warnings, ElementsAre());
  answers_[1].facts.shared_memory_free_bytes = -1;
  EXPECT_THAT(Judge().value().warnings, ElementsAre());
}

TEST_F(Preflight, WarnsWhereSharedMemoryIsTight) {
  answers_[1].facts.shared_memory_free_bytes = RequiredSharedMemoryBytes(2);
  answers_[2].facts.shared_memory_free_bytes = RequiredSharedMemoryBytes(2);
  const Result<PreflightFindings> tight = Judge();
  ASSERT_TRUE(tight.ok()) << tight.status().message();
  EXPECT_THAT(tight.value().warnings,
              ElementsAre(HasSubstr("each of hosts n2, n3 has 6 MiB free in /dev/shm")));
  answers_[1].facts.shared_memory_free_bytes = -1;
  answers_[2] = {"n3", 2, GoodFacts(3), ""};
  EXPECT_THAT(Judge().value().warnings, ElementsAre(HasSubstr("host n2 has no /dev/shm")));
}

TEST_F(Preflight, NeedsACommonNetwork) {
  answers_[1].facts.interfaces[0].up = false;
  EXPECT_THAT(Error(), HasSubstr("no network connects all hosts: n1 has eth0 10.0.0.1/24; n2 has "
                                 "eth0 10.0.0.2/24 (down)"));
}

TEST(PreflightNeed, IsOnlyForOtherHosts) {
  const auto is_n1 = [](const std::string& host) { return host == "n1"; };
  EXPECT_FALSE(NeedsPreflight({}, is_n1));
  EXPECT_FALSE(NeedsPreflight({{"n1", 2}}, is_n1));
  EXPECT_TRUE(NeedsPreflight({{"n1", 2}, {"n2", 2}}, is_n1));
}

// A remote shell that plays all hosts on this machine: h-gone cannot be reached, h-slow never
// answers, h-bare has no Ronde; the others run the command, a stand-in for ronderun's facts.
class PreflightRun : public testing::Test {
 protected:
  PreflightRun() {
    request_.is_own_host = [](const std::string& host) { return host == "h1"; };
    InstallRonderun("9999999999");
    request_.mpirun = Script("mpirun", "echo 'mpirun (Open MPI) 4.1.4'");
    request_.program = "/bin/true";
    request_.shell.command = {Script("agent", R"(
host=$1; shift
case $host in
h-gone) echo "ssh: connect to host h-gone port 22: No route to host" >&2; exit 255 ;;
h-slow) exec sleep 60 ;;
h-bare) echo ronde-missing; exit 0 ;;
esac
echo "Welcome to $host"
AS=$host N=${host#h} exec sh -c "$*"
)")};
    request_.deadline_s = 20;
  }

  void InstallRonderun(const std::string& free_bytes) {
    request_.ronderun = Script("ronderun", R"(
[ "$1" = --host-report ] || exit 9
[ "${AS:-h1}" = h-old ] && { echo "error while loading shared libraries: libx" >&2; exit 127; }
cat <<END
ronde-fact host ${AS:-h1}
ronde-fact ronde 0.1.0
ronde-fact program ok
ronde-fact shm )" + free_bytes + R"(
ronde-fact interface eth0 u--- 1000 10.0.0.${N:-1}/24
ronde-fact end ok
END
)");
  }

  std::string Script(const std::string& name, const std::string& text) const {
    const std::string path = folder_.File(name);
    std::ofstream(path) << "#!/bin/sh\n" << text;
    chmod(path.c_str(), 0755);
    return path;
  }

  Result<PreflightFindings> Run(std::vector<HostSlots> hosts) {
    request_.hosts = std::move(hosts);
    return RunPreflight(request_);
  }

  const TemporaryFolder folder_;
  PreflightRequest request_;
};

TEST_F(PreflightRun, AsksThisHostAndOthersForTheirFacts) {
  const Result<PreflightFindings> findings = Run({{"h1", 2}, {"h2", 2}, {"h3", 1}});
  ASSERT_TRUE(findings.ok()) << findings.status().message();
  EXPECT_EQ(findings.value().network.value, "eth0");
  EXPECT_THAT(findings.value().network.interfaces, ElementsAre("eth0", "eth0", "eth0"));
}

TEST_F(PreflightRun, TellsWhyAHostDoesNotAnswer) {
  EXPECT_EQ(Run({{"h1", 1}, {"h-gone", 1}}).status().message(),
            "host h-gone cannot be reached: agent says 'ssh: connect to host h-gone port 22: No "
            "route to host'; start the host, or correct its name or the network");
  EXPECT_THAT(Run({{"h-bare", 1}, {"h2", 1}}).status().message(),
              HasSubstr("host h-bare has no ronderun at " + request_.ronderun));
  EXPECT_THAT(Run({{"h-old", 1}, {"h2", 1}}).status().message(),
              HasSubstr("host h-old cannot start " + request_.ronderun +
                        ": 'error while loading shared libraries: libx'"));
}

TEST_F(PreflightRun, CountsTheRanksThatAHostWillHave) {
  // Half the room that five ranks need: fine for the slots that two ranks leave empty.
  InstallRonderun("7000000");
  request_.rank_count = 3;
  EXPECT_TRUE(Run({{"h1", 2}, {"h2", 5}}).ok());
  request_.rank_count = 7;
  EXPECT_THAT(Run({{"h1", 2}, {"h2", 5}}).status().message(),
              HasSubstr("host h2 has 6 MiB free in /dev/shm, and Open MPI's shared memory wants 9 "
                        "MiB for 5 ranks"));
}

TEST_F(PreflightRun, GivesUpOnSilentHostsAtItsDeadline) {
  request_.deadline_s = 1;
  EXPECT_THAT(Run({{"h2", 1}, {"h-slow", 1}}).status().message(),
              HasSubstr("host h-slow does not answer within 1 s"));
}

}  // namespace
}  // namespace ronde
