// What hosts answer to the pre-flight check, around which a login shell may say anything; and the
// network that is chosen from it.
#include <array>

#include "launcher/host_report.h"
#include "launcher/ip_subnet.h"
#include "tests/fuzz/fuzz_target.h"

namespace ronde {
namespace {

void CheckSubnet(std::string_view text) {
  const std::optional<IpSubnet> subnet = ParseSubnet(text);
  if (!subnet) return;
  FUZZ_REQUIRE(Contains(*subnet, *subnet));
  FUZZ_REQUIRE(ParseSubnet(FormatSubnet(*subnet)) == subnet);
}

// The host beside one of another machine, in both orders.
void CheckNetwork(const HostReport& report, std::string_view setting) {
  NetworkInterface eth0;
  eth0.name = "eth0";
  eth0.up = true;
  eth0.addresses = {{"10.0.0.2", 24}, {"fd00::2", 64}};
  const HostInterfaces own = {"n1", report.interfaces};
  const HostInterfaces other = {"n2", {eth0}};
  const Result<NetworkChoice> choice = ChooseNetwork(setting, std::array{own, other});
  const Result<NetworkChoice> turned = ChooseNetwork(setting, std::array{other, own});
  FUZZ_REQUIRE(choice.ok() == turned.ok());
  if (!choice.ok()) {
    FUZZ_REQUIRE(choice.status().code() == StatusCode::kInvalidArgument);
    return;
  }
  FUZZ_REQUIRE(choice.value().value == turned.value().value);
  FUZZ_REQUIRE(choice.value().interfaces.empty() == choice.value().value.empty());
}

int FuzzHostReport(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  CheckSubnet(text.substr(0, text.find('\n')));
  const Result<HostReport> report = ParseHostReport(text);
  if (!report.ok()) {
    FUZZ_REQUIRE(report.status().code() == StatusCode::kInvalidArgument);
    FUZZ_REQUIRE(report.status().message().find('\n') == std::string::npos);
    return 0;
  }
  // What was read says the same when it is written and read again.
  const Result<HostReport> again = ParseHostReport(FormatHostReport(report.value()));
  FUZZ_REQUIRE(again.ok() && again.value() == report.value());
  CheckNetwork(report.value(), "auto");
  CheckNetwork(report.value(), text.substr(0, text.find('\n')));
  return 0;
}

std::vector<std::string> HostReportSeeds() {
  return {
      "10.0.0.0/24\nWelcome!\r\nronde-fact host n1\nronde-fact ronde 0.1.0\n"
      "ronde-fact mpi mpirun (Open MPI) 4.1.4\nronde-fact program ok\nronde-fact shm 67108864\n"
      "ronde-fact interface eth0 u--d 1000 10.0.0.1/24 fd00::1/64\n"
      "ronde-fact interface lo ul-- 0 127.0.0.1/8\nronde-fact end ok\n",
      "eth0\nronde-fact program program '/x' does not exist\nronde-fact shm -1\n"
      "ronde-fact interface docker0 u-c- 0 172.17.0.1/16\nronde-fact end ok\n"};
}

constexpr std::array<std::string_view, 12> kWords = {"ronde-fact ",
                                                     "ronde-fact end ok\n",
                                                     "interface eth0 ",
                                                     "u---",
                                                     "10.0.0.2/24",
                                                     "/24",
                                                     "/-1",
                                                     "/129",
                                                     "shm ",
                                                     "\r\n",
                                                     "fd00::",
                                                     "0.0.0.0/0"};

}  // namespace

const FuzzTarget kFuzzTarget = {&FuzzHostReport, &HostReportSeeds, kWords};

}  // namespace ronde
