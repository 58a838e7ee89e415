// The launcher's lists of hosts: the value of -H, and hostfiles.
#include <array>
#include <set>

#include "launcher/host_spec.h"
#include "launcher/hostfile.h"
#include "tests/fuzz/fuzz_target.h"

namespace ronde {
namespace {

using Hosts = std::vector<HostSlots>;

// A list that was read has distinct hosts with slots, and survives being given to another launcher.
void CheckHosts(const Result<Hosts>& hosts, std::string_view named_in_errors) {
  if (!hosts.ok()) {
    FUZZ_REQUIRE(hosts.status().code() == StatusCode::kInvalidArgument);
    FUZZ_REQUIRE(hosts.status().message().find(named_in_errors) != std::string::npos);
    FUZZ_REQUIRE(hosts.status().message().find("; expected ") != std::string::npos);
    return;
  }
  FUZZ_REQUIRE(!hosts.value().empty());
  std::set<std::string> names;
  for (const HostSlots& entry : hosts.value()) {
    FUZZ_REQUIRE(entry.slots >= 1 && names.insert(entry.host).second);
    FUZZ_REQUIRE(entry.max_slots == 0 || entry.max_slots >= entry.slots);
  }
  FUZZ_REQUIRE(TotalSlots(hosts.value()) >= static_cast<int>(hosts.value().size()));
  const Result<Hosts> again = ParseHostList(FormatHostList(hosts.value()));
  FUZZ_REQUIRE(again.ok() && FormatHostList(again.value()) == FormatHostList(hosts.value()));
  FUZZ_REQUIRE(TotalSlots(again.value()) == TotalSlots(hosts.value()));
}

int FuzzHosts(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  CheckHosts(ParseHostList(text), "--hosts");
  CheckHosts(ParseHostfile(text, "cluster.txt"), "cluster.txt");
  return 0;
}

std::vector<std::string> HostsSeeds() {
  return {"localhost",
          "node-b:2,10.0.0.7:4,localhost",
          "a:65536,b:2,a:3",
          "[fd00::7]:2,[::1]",
          "[fd00::7] slots=2 max_slots=2\nn5 count=3\n",
          "# the cluster\n\nn1 slots=2\r\nn2 slots = 4 max_slots=8 # big\n\tn3:3\n",
          "n4 max-slots=2\nn1\nn1:60000\n"};
}

constexpr std::array<std::string_view, 17> kWords = {
    "[::1]",     "[",  "me@", "slots=", "max_slots=", "max-slots", " = ", ":65536",    "a:65536,",
    "a:65536\n", ":0", ":-1", "\r\n",   "#",          ",",         "=",   "4294967297"};

}  // namespace

const FuzzTarget kFuzzTarget = {&FuzzHosts, &HostsSeeds, kWords};

}  // namespace ronde
