#include "launcher/network_interface.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "core/base/strcat.h"
#include "launcher/ip_subnet.h"

namespace ronde {
namespace {

using Hosts = std::vector<const HostInterfaces*>;

std::string Text(const InterfaceAddress& address) {
  return StrCat(address.address, "/", address.prefix_bits);
}

bool IsCandidate(const NetworkInterface& interface) {
  return interface.up && !interface.loopback && !interface.container_bridge;
}

// One subnet on one host. Several interfaces in one subnet count as the fastest of them.
struct Port {
  std::string interface;
  std::string address;
  int speed_mbits = 0;
};
using Ports = std::map<IpSubnet, Port>;

Ports PortsOf(const HostInterfaces& host) {
  Ports ports;
  for (const NetworkInterface& interface : host.interfaces) {
    if (!IsCandidate(interface)) continue;
    for (const InterfaceAddress& address : interface.addresses) {
      const std::optional<IpSubnet> subnet = ParseSubnet(Text(address));
      if (!subnet || IsHostBound(*subnet)) continue;
      const Port port{interface.name, address.address, interface.speed_mbits};
      const auto [known, is_new] = ports.emplace(*subnet, port);
      if (!is_new && known->second.speed_mbits < port.speed_mbits) known->second = port;
    }
  }
  return ports;
}

bool HasAddress(const HostInterfaces& host) { return !PortsOf(host).empty(); }

// A host that is named twice, by two of its names, reaches itself anyway.
Hosts WithoutRepetitions(std::span<const HostInterfaces> hosts) {
  Hosts distinct;
  for (const HostInterfaces& host : hosts) {
    const bool known = std::any_of(distinct.begin(), distinct.end(), [&](const auto* other) {
      return other->interfaces == host.interfaces && HasAddress(host);
    });
    if (!known) distinct.push_back(&host);
  }
  return distinct;
}

// A name if all hosts agree on it, since subnets are more to read; else what is given for it.
std::string NameOr(const std::vector<std::string>& names, const std::string& otherwise) {
  const bool same =
      std::adjacent_find(names.begin(), names.end(), std::not_equal_to<>()) == names.end();
  return same ? names.front() : otherwise;
}

// The same address on two hosts (Docker's 172.17.0.1, say) is proof that no wire connects them.
bool AddressesDiffer(const IpSubnet& subnet, const std::vector<Ports>& ports) {
  std::set<std::string> addresses;
  return std::all_of(ports.begin(), ports.end(), [&](const Ports& host) {
    return addresses.insert(host.at(subnet).address).second;
  });
}

// The speed of a subnet is that of its slowest port.
int SpeedOf(const IpSubnet& subnet, const std::vector<Ports>& ports) {
  int speed = ports.front().at(subnet).speed_mbits;
  for (const Ports& host : ports) speed = std::min(speed, host.at(subnet).speed_mbits);
  return speed;
}

std::optional<NetworkChoice> ChooseCommonSubnet(const std::vector<Ports>& ports) {
  using Quality = std::tuple<bool, int>;  // IPv4, speed
  std::optional<std::pair<Quality, IpSubnet>> best;
  for (const auto& [subnet, port] : ports.front()) {
    const bool common = std::all_of(ports.begin(), ports.end(), [&subnet = subnet](const Ports& p) {
      return p.count(subnet) == 1;
    });
    if (!common || !AddressesDiffer(subnet, ports)) continue;
    const Quality quality{subnet.address_bytes == 4, SpeedOf(subnet, ports)};
    if (!best || best->first < quality) best = {quality, subnet};
  }
  if (!best) return std::nullopt;
  const IpSubnet& subnet = best->second;
  NetworkChoice choice;
  for (const Ports& host : ports) choice.interfaces.push_back(host.at(subnet).interface);
  choice.value = NameOr(choice.interfaces, FormatSubnet(subnet));
  const int speed = SpeedOf(subnet, ports);
  choice.reason = StrCat(FormatSubnet(subnet), speed > 0 ? StrCat(", ", speed, " Mb/s") : "",
                         ", common to all hosts");
  return choice;
}

// Hosts of different subnets: clouds give single addresses (/32), data centres one subnet a rack.
std::optional<NetworkChoice> ChooseDefaultRoutes(const Hosts& hosts) {
  NetworkChoice choice;
  std::set<std::string> subnets;
  std::set<std::string> addresses;
  for (const HostInterfaces* host : hosts) {
    std::optional<std::pair<NetworkInterface, IpSubnet>> way_out;
    for (const NetworkInterface& interface : host->interfaces) {
      if (!IsCandidate(interface) || !interface.default_route || way_out) continue;
      for (const InterfaceAddress& address : interface.addresses) {
        const std::optional<IpSubnet> subnet = ParseSubnet(Text(address));
        if (!subnet || IsHostBound(*subnet) || way_out) continue;
        if (!addresses.insert(address.address).second) return std::nullopt;
        way_out = {interface, *subnet};
      }
    }
    if (!way_out) return std::nullopt;
    choice.interfaces.push_back(way_out->first.name);
    subnets.insert(FormatSubnet(way_out->second));
  }
  std::string list;
  for (const std::string& subnet : subnets) list += StrCat(list.empty() ? "" : ",", subnet);
  choice.value = NameOr(choice.interfaces, list);
  choice.reason = "no subnet is common to all hosts; their default routes are taken";
  return choice;
}

std::string DescribeHosts(const Hosts& hosts) {
  constexpr std::size_t kMost = 8;
  std::string text;
  for (std::size_t i = 0; i < std::min(hosts.size(), kMost); ++i) {
    text += StrCat(i == 0 ? "" : "; ", hosts[i]->host, " has ",
                   DescribeInterfaces(hosts[i]->interfaces));
  }
  return hosts.size() <= kMost ? text : StrCat(text, "; and ", hosts.size() - kMost, " more");
}

Result<NetworkChoice> ChooseAutomatically(const Hosts& hosts) {
  std::vector<Ports> ports;
  ports.reserve(hosts.size());
  for (const HostInterfaces* host : hosts) ports.push_back(PortsOf(*host));
  if (std::optional<NetworkChoice> choice = ChooseCommonSubnet(ports)) return *std::move(choice);
  if (std::optional<NetworkChoice> choice = ChooseDefaultRoutes(hosts)) return *std::move(choice);
  return Status::InvalidArgument(
      StrCat("no network connects all hosts: ", DescribeHosts(hosts),
             "; give them addresses in one subnet, or name what routers connect with "
             "--network-interface eth0 or --network-interface 10.0.0.0/24"));
}

std::vector<std::string> SplitAtCommas(std::string_view text) {
  std::vector<std::string> words;
  while (true) {
    const std::size_t comma = std::min(text.find(','), text.size());
    words.emplace_back(text.substr(0, comma));
    if (comma == text.size()) return words;
    text.remove_prefix(comma + 1);
  }
}

bool Fits(const std::string& word, const NetworkInterface& interface) {
  if (word == interface.name) return !interface.addresses.empty();
  const std::optional<IpSubnet> wanted = ParseSubnet(word);
  return wanted && std::any_of(interface.addresses.begin(), interface.addresses.end(),
                               [&](const InterfaceAddress& address) {
                                 const auto subnet = ParseSubnet(
                                     StrCat(address.address, "/", 8 * wanted->address_bytes));
                                 return subnet && Contains(*wanted, *subnet);
                               });
}

Result<NetworkChoice> ChooseNamed(std::string_view setting, const Hosts& hosts) {
  const std::vector<std::string> words = SplitAtCommas(setting);
  NetworkChoice choice{.value = std::string(setting), .interfaces = {}, .reason = "as given"};
  for (const HostInterfaces* host : hosts) {
    std::string names;
    for (const NetworkInterface& interface : host->interfaces) {
      const bool fits = interface.up && std::any_of(words.begin(), words.end(), [&](const auto& w) {
                          return Fits(w, interface);
                        });
      if (fits) names += StrCat(names.empty() ? "" : ",", interface.name);
    }
    if (names.empty()) {
      return Status::InvalidArgument(StrCat(
          "--network-interface ", setting, ": host '", host->host,
          "' has no such interface that is up and has an address; it has ",
          DescribeInterfaces(host->interfaces), "; correct the name, or leave it to 'auto'"));
    }
    choice.interfaces.push_back(names);
  }
  return choice;
}

}  // namespace

Result<NetworkChoice> ChooseNetwork(std::string_view setting,
                                    std::span<const HostInterfaces> hosts) {
  const Hosts distinct = WithoutRepetitions(hosts);
  if (distinct.size() < 2) return NetworkChoice{};
  return setting == "auto" ? ChooseAutomatically(distinct) : ChooseNamed(setting, distinct);
}

std::string DescribeInterfaces(std::span<const NetworkInterface> interfaces) {
  std::string text;
  for (const NetworkInterface& interface : interfaces) {
    if (interface.loopback) continue;
    text += StrCat(text.empty() ? "" : ", ", interface.name);
    for (const InterfaceAddress& address : interface.addresses) {
      const std::optional<IpSubnet> subnet = ParseSubnet(Text(address));
      if (subnet && !IsHostBound(*subnet)) text += " " + Text(address);
    }
    if (!interface.up) {
      text += " (down)";
    } else if (interface.container_bridge) {
      text += " (of containers)";
    } else if (interface.addresses.empty()) {
      text += " (no address)";
    }
  }
  return text.empty() ? "no interface but loopback" : text;
}

}  // namespace ronde
