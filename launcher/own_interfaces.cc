// This machine's network interfaces.
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <system_error>

#include "core/base/strcat.h"
#include "launcher/network_interface.h"

namespace ronde {
namespace {

// What Docker, Podman, libvirt, LXC, Kubernetes, VMware and VirtualBox call their bridges. A bridge
// that an administrator made (br0) may well be a host's only way out.
bool IsContainerBridge(std::string_view name) {
  constexpr std::array<std::string_view, 12> kPrefixes = {"docker", "br-",   "podman",  "virbr",
                                                          "lxcbr",  "lxdbr", "cni",     "flannel",
                                                          "cali",   "vmnet", "vboxnet", "kube-"};
  return std::any_of(kPrefixes.begin(), kPrefixes.end(), [name](std::string_view prefix) {
    return name.substr(0, prefix.size()) == prefix;
  });
}

// -1 or an error where a device has no speed of its own.
int SpeedOf(const std::string& name) {
  int speed = 0;
  std::ifstream file(StrCat("/sys/class/net/", name, "/speed"));
  return file >> speed && speed > 0 ? speed : 0;
}

bool IsDefaultRoute(const std::string& name) {
  std::ifstream routes("/proc/net/route");
  for (std::string line; std::getline(routes, line);) {
    std::istringstream words(line);
    std::string interface;
    std::string destination;
    if (words >> interface >> destination && interface == name && destination == "00000000") {
      return true;
    }
  }
  return false;
}

int CountBits(const void* mask, std::size_t bytes) {
  int bits = 0;
  for (std::size_t i = 0; i < bytes; ++i) {
    bits += std::popcount(static_cast<const unsigned char*>(mask)[i]);
  }
  return bits;
}

void AddAddress(const ifaddrs& entry, NetworkInterface* interface) {
  if (entry.ifa_addr == nullptr || entry.ifa_netmask == nullptr) return;
  const int family = entry.ifa_addr->sa_family;
  if (family != AF_INET && family != AF_INET6) return;
  const bool is_ipv6 = family == AF_INET6;
  const auto bytes_of = [is_ipv6](const sockaddr* address) -> const void* {
    if (is_ipv6) return &reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr;
    return &reinterpret_cast<const sockaddr_in*>(address)->sin_addr;
  };
  std::array<char, INET6_ADDRSTRLEN> text = {};
  inet_ntop(family, bytes_of(entry.ifa_addr), text.data(), text.size());
  interface->addresses.push_back(
      {text.data(), CountBits(bytes_of(entry.ifa_netmask), is_ipv6 ? 16 : 4)});
}

}  // namespace

Result<std::vector<NetworkInterface>> OwnInterfaces() {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) {
    return Status::Unavailable(StrCat("this machine does not list its network interfaces: ",
                                      std::generic_category().message(errno)));
  }
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owner(list, &freeifaddrs);
  std::map<std::string, NetworkInterface> interfaces;
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    NetworkInterface& interface = interfaces[entry->ifa_name];
    interface.up = (entry->ifa_flags & IFF_UP) != 0 && (entry->ifa_flags & IFF_RUNNING) != 0;
    interface.loopback = (entry->ifa_flags & IFF_LOOPBACK) != 0;
    AddAddress(*entry, &interface);
  }
  std::vector<NetworkInterface> sorted;
  for (auto& [name, interface] : interfaces) {
    interface.name = name;
    interface.container_bridge = IsContainerBridge(name);
    interface.default_route = IsDefaultRoute(name);
    interface.speed_mbits = SpeedOf(name);
    sorted.push_back(std::move(interface));
  }
  return sorted;
}

}  // namespace ronde
