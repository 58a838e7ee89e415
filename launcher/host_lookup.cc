#include "launcher/host_lookup.h"

#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <memory>
#include <set>
#include <string_view>
#include <utility>

#include "core/base/strcat.h"

namespace ronde {
namespace {

using Addresses = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

// Null where there are none; `error` is then getaddrinfo's.
Addresses Resolve(const std::string& host, int* error) {
  addrinfo* list = nullptr;
  *error = getaddrinfo(host.c_str(), nullptr, nullptr, &list);
  return {*error == 0 ? list : nullptr, &freeaddrinfo};
}

// The address bytes alone, without family and port.
std::string BytesOf(const sockaddr* address) {
  if (address == nullptr) return "";
  if (address->sa_family == AF_INET) {
    const in_addr& bytes = reinterpret_cast<const sockaddr_in*>(address)->sin_addr;
    return {reinterpret_cast<const char*>(&bytes), sizeof(bytes)};
  }
  if (address->sa_family == AF_INET6) {
    const in6_addr& bytes = reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr;
    return {reinterpret_cast<const char*>(&bytes), sizeof(bytes)};
  }
  return "";
}

std::set<std::string> OwnAddresses() {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return {};
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owner(list, &freeifaddrs);
  std::set<std::string> addresses;
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    addresses.insert(BytesOf(entry->ifa_addr));
  }
  addresses.erase("");
  return addresses;
}

// 127.0.1.1 as well, which Debian's installer gives to a machine's own name.
bool IsLoopback(const std::string& bytes) { return bytes.size() == 4 && bytes[0] == 127; }

bool IsFirstLabelOf(const std::string& label, const std::string& name) {
  return name.size() > label.size() && name.compare(0, label.size(), label) == 0 &&
         name[label.size()] == '.';
}

int ReadTopologyId(int cpu, std::string_view name) {
  int id = -1;
  std::ifstream file(StrCat("/sys/devices/system/cpu/cpu", cpu, "/topology/", name));
  file >> id;
  return id;
}

}  // namespace

Status CheckHostsResolve(const std::vector<HostSlots>& hosts) {
  for (const HostSlots& entry : hosts) {
    if (entry.host.find(':') != std::string::npos) {
      return Status::InvalidArgument(
          StrCat("host '", entry.host,
                 "' is an IPv6 address, which mpirun does not take; give it a name in /etc/hosts "
                 "or DNS"));
    }
    if (entry.host == "localhost" || entry.host == OwnHostName()) continue;
    int error = 0;
    if (Resolve(entry.host, &error) != nullptr) continue;
    return Status::InvalidArgument(StrCat("host '", entry.host, "' is unknown (",
                                          gai_strerror(error),
                                          "); correct it, or add it to /etc/hosts or DNS"));
  }
  return Status::Ok();
}

bool IsOwnHost(const std::string& host) {
  const std::string own = OwnHostName();
  if (host == "localhost" || host == own) return true;
  if (IsFirstLabelOf(host, own) || IsFirstLabelOf(own, host)) return true;
  int error = 0;
  const Addresses addresses = Resolve(host, &error);
  const std::set<std::string> own_addresses = OwnAddresses();
  for (const addrinfo* entry = addresses.get(); entry != nullptr; entry = entry->ai_next) {
    const std::string bytes = BytesOf(entry->ai_addr);
    if (IsLoopback(bytes) || own_addresses.count(bytes) == 1) return true;
  }
  return false;
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
