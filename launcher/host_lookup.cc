#include "launcher/host_lookup.h"

#include <netdb.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <set>
#include <string_view>
#include <utility>

#include "core/base/strcat.h"

namespace ronde {
namespace {

int ReadTopologyId(int cpu, std::string_view name) {
  int id = -1;
  std::ifstream file(StrCat("/sys/devices/system/cpu/cpu", cpu, "/topology/", name));
  file >> id;
  return id;
}

}  // namespace

Status CheckHostsResolve(const std::vector<HostSlots>& hosts) {
  for (const HostSlots& entry : hosts) {
    if (entry.host == "localhost" || entry.host == OwnHostName()) continue;
    addrinfo* addresses = nullptr;
    const int code = getaddrinfo(entry.host.c_str(), nullptr, nullptr, &addresses);
    if (code == 0) {
      freeaddrinfo(addresses);
      continue;
    }
    return Status::InvalidArgument(StrCat("host '", entry.host, "' is unknown (",
                                          gai_strerror(code),
                                          "); correct it, or add it to /etc/hosts or DNS"));
  }
  return Status::Ok();
}

std::string OwnHostName() {
  std::array<char, 256> name = {};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "localhost";
}

int LocalCoreCount() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0) return 1;
  std::set<std::pair<int, int>> cores;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed)) continue;
    const int core = ReadTopologyId(cpu, "core_id");
    // Without /sys every CPU counts as a core of its own.
    cores.emplace(ReadTopologyId(cpu, "physical_package_id"), core < 0 ? -1 - cpu : core);
  }
  return std::max(1, static_cast<int>(cores.size()));
}

}  // namespace ronde
