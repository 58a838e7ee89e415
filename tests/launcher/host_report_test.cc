#include "launcher/host_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ronde {
namespace {

using testing::HasSubstr;

HostReport SomeFacts() {
  HostReport facts;
  facts.host_name = "n1";
  facts.ronde_version = "0.1.0";
  facts.mpi_version = "mpirun (Open MPI) 4.1.4";
  facts.program_problem = "program '/x y' does not exist";
  facts.shared_memory_free_bytes = 67108864;
  NetworkInterface eth0{.name = "eth0", .up = true, .speed_mbits = 10000, .addresses = {}};
  eth0.default_route = true;
  eth0.addresses = {{"10.0.0.1", 24}, {"fd00::1", 64}};
  NetworkInterface docker0{.name = "docker0", .container_bridge = true, .addresses = {}};
  facts.interfaces = {docker0, eth0};
  return facts;
}

TEST(HostReport, SurviveTheWayThroughAShell) {
  const std::string text = "Welcome to n1!\r\n" + FormatHostReport(SomeFacts()) + "bye\n";
  const Result<HostReport> facts = ParseHostReport(text);
  ASSERT_TRUE(facts.ok()) << facts.status().message();
  EXPECT_EQ(facts.value(), SomeFacts());
}

TEST(HostReport, AreRefusedWhereTheyAreDamagedOrCutOff) {
  EXPECT_THAT(ParseHostReport("").status().message(), HasSubstr("do not end"));
  const std::string whole = FormatHostReport(SomeFacts());
  EXPECT_THAT(ParseHostReport(whole.substr(0, whole.size() / 2)).status().message(),
              HasSubstr("do not end"));
  for (const char* line :
       {"ronde-fact shm much", "ronde-fact interface eth0", "ronde-fact interface eth0 u-- 10",
        "ronde-fact interface eth0 u--- x", "ronde-fact interface eth0 u--- 10 10.0.0.1"}) {
    EXPECT_THAT(ParseHostReport(std::string(line) + "\n" + whole).status().message(),
                HasSubstr("which ronderun cannot read"))
        << line;
  }
}

TEST(HostReport, OfThisMachineTellOfTheProgram) {
  const Result<HostReport> fine = CollectHostReport("/bin/sh");
  ASSERT_TRUE(fine.ok()) << fine.status().message();
  EXPECT_EQ(fine.value().program_problem, "");
  EXPECT_FALSE(fine.value().host_name.empty());
  EXPECT_FALSE(fine.value().ronde_version.empty());
  EXPECT_FALSE(fine.value().interfaces.empty());
  EXPECT_EQ(CollectHostReport("/nonexistent/x").value().program_problem,
            "program '/nonexistent/x' does not exist");
  EXPECT_THAT(CollectHostReport("sh").value().program_problem, HasSubstr("does not exist"));
}

TEST(HostReport, AreAskedForByOneInternalFlag) {
  EXPECT_FALSE(RunHostReportCommand({"ronderun", "-np", "2"}).has_value());
  EXPECT_FALSE(RunHostReportCommand({"ronderun", "--host-report"}).has_value());
  testing::internal::CaptureStdout();
  EXPECT_EQ(RunHostReportCommand({"ronderun", "--host-report", "/bin/sh"}), 0);
  EXPECT_TRUE(ParseHostReport(testing::internal::GetCapturedStdout()).ok());
}

}  // namespace
}  // namespace ronde
