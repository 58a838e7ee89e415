#include "core/comm/transports/network_devices.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <optional>

#include "core/base/strcat.h"

namespace ronde {
namespace {

using Address = std::array<std::uint8_t, 16>;

constexpr int kMappedBits = 96;  // before an IPv4 address in its IPv6 form

struct Subnet {
  Address address{};
  int prefix_bits = 0;
};

Address Mapped(const in_addr& address) {
  Address mapped = {};
  mapped[10] = mapped[11] = 0xff;
  std::memcpy(mapped.data() + 12, &address, sizeof(address));
  return mapped;
}

bool Contains(const Address& network, int prefix_bits, const Address& address) {
  for (int bit = 0; bit < prefix_bits; bit += 8) {
    const int left = std::min(prefix_bits - bit, 8);
    const int mask = 0xff << (8 - left) & 0xff;
    if (((network[bit / 8] ^ address[bit / 8]) & mask) != 0) return false;
  }
  return true;
}

std::optional<Subnet> ParseSubnet(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const std::string address(text.substr(0, slash));
  Subnet subnet;
  in_addr v4 = {};
  const bool is_v4 = inet_pton(AF_INET, address.c_str(), &v4) == 1;
  if (is_v4) {
    subnet.address = Mapped(v4);
  } else if (inet_pton(AF_INET6, address.c_str(), subnet.address.data()) != 1) {
    return std::nullopt;
  }
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data() + slash + 1, end, subnet.prefix_bits);
  const bool is_number = parsed.ec == std::errc() && parsed.ptr == end;
  if (!is_number || subnet.prefix_bits < 0 || subnet.prefix_bits > (is_v4 ? 32 : 128)) {
    return std::nullopt;
  }
  if (is_v4) subnet.prefix_bits += kMappedBits;
  return subnet;
}

// What is of one address family.
std::optional<DeviceAddress> Decode(const ifaddrs& one) {
  const bool up = (one.ifa_flags & IFF_UP) != 0 && (one.ifa_flags & IFF_RUNNING) != 0;
  if (!up || one.ifa_addr == nullptr || one.ifa_netmask == nullptr) return std::nullopt;
  DeviceAddress decoded;
  decoded.device = one.ifa_name;
  decoded.host_bound = (one.ifa_flags & IFF_LOOPBACK) != 0;
  if (one.ifa_addr->sa_family == AF_INET) {
    sockaddr_in address = {}, mask = {};
    std::memcpy(&address, one.ifa_addr, sizeof(address));
    std::memcpy(&mask, one.ifa_netmask, sizeof(mask));
    decoded.address = Mapped(address.sin_addr);
    decoded.prefix_bits = kMappedBits + std::popcount(mask.sin_addr.s_addr);
    return decoded;
  }
  if (one.ifa_addr->sa_family != AF_INET6) return std::nullopt;
  sockaddr_in6 address = {}, mask = {};
  std::memcpy(&address, one.ifa_addr, sizeof(address));
  std::memcpy(&mask, one.ifa_netmask, sizeof(mask));
  std::memcpy(decoded.address.data(), &address.sin6_addr, sizeof(address.sin6_addr));
  for (const std::uint8_t byte : mask.sin6_addr.s6_addr) decoded.prefix_bits += std::popcount(byte);
  if (IN6_IS_ADDR_LINKLOCAL(&address.sin6_addr)) decoded.host_bound = true;
  return decoded;
}

void AddOnce(std::vector<std::string>* names, const std::string& name) {
  if (std::find(names->begin(), names->end(), name) == names->end()) names->push_back(name);
}

std::string Listed(std::span<const DeviceAddress> own, std::span<const std::string> known) {
  std::vector<std::string> names;
  for (const DeviceAddress& one : own) AddOnce(&names, one.device);
  for (const std::string& name : known) AddOnce(&names, name);
  std::string text;
  for (const std::string& name : names) text += StrCat(text.empty() ? "" : ", ", name);
  return text.empty() ? "none" : text;
}

// Whether every host has an address in the subnet of `one`, and no two hosts the same.
bool JoinsAll(const DeviceAddress& one, std::span<const std::vector<DeviceAddress>> hosts) {
  std::vector<Address> seen;
  for (const std::vector<DeviceAddress>& host : hosts) {
    const auto found = std::find_if(host.begin(), host.end(), [&](const DeviceAddress& other) {
      return other.prefix_bits == one.prefix_bits &&
             Contains(one.address, one.prefix_bits, other.address);
    });
    if (found == host.end()) return false;
    if (std::find(seen.begin(), seen.end(), found->address) != seen.end()) return false;
    seen.push_back(found->address);
  }
  return true;
}

}  // namespace

std::vector<DeviceAddress> OwnDeviceAddresses() {
  std::vector<DeviceAddress> own;
  ifaddrs* all = nullptr;
  if (getifaddrs(&all) != 0) return own;
  for (const ifaddrs* one = all; one != nullptr; one = one->ifa_next) {
    if (std::optional<DeviceAddress> decoded = Decode(*one)) own.push_back(*std::move(decoded));
  }
  freeifaddrs(all);
  return own;
}

Result<std::vector<std::string>> NamedDevices(std::string_view setting,
                                              std::span<const DeviceAddress> own,
                                              std::span<const std::string> known) {
  std::vector<std::string> devices;
  for (std::string_view rest = setting; !rest.empty();) {
    const std::size_t comma = std::min(rest.find(','), rest.size());
    const std::string_view part = rest.substr(0, comma);
    rest.remove_prefix(std::min(comma + 1, rest.size()));
    const std::optional<Subnet> subnet = ParseSubnet(part);
    const std::size_t before = devices.size();
    for (const DeviceAddress& one : own) {
      const bool fits =
          subnet ? Contains(subnet->address, subnet->prefix_bits, one.address) : one.device == part;
      if (fits) AddOnce(&devices, one.device);
    }
    // "mlx5_0:1" is a port; the first one when none is said.
    for (const std::string& name : known) {
      if (name == part) AddOnce(&devices, StrCat(name, ":1"));
      if (StrCat(name, ":") == part.substr(0, name.size() + 1))
        AddOnce(&devices, std::string(part));
    }
    // Several subnets may be meant for several hosts; a name must be right.
    const bool named_before = std::find(devices.begin(), devices.end(), part) != devices.end();
    if (devices.size() == before && !subnet && !named_before) {
      return Status::InvalidArgument(StrCat("--network-interface ", setting, ": there is no '",
                                            part, "' that is up; there is ", Listed(own, known)));
    }
  }
  if (devices.empty()) {
    return Status::InvalidArgument(StrCat("--network-interface ", setting,
                                          ": no interface has an address in it; there is ",
                                          Listed(own, known)));
  }
  return devices;
}

std::vector<std::string> CommonDevices(std::span<const DeviceAddress> own,
                                       std::span<const std::vector<DeviceAddress>> hosts) {
  std::vector<std::string> common, others;
  for (const DeviceAddress& one : own) {
    if (one.host_bound) continue;
    AddOnce(&others, one.device);
    if (JoinsAll(one, hosts)) AddOnce(&common, one.device);
  }
  return common.empty() ? others : common;
}

}  // namespace ronde
