#include "launcher/ip_subnet.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

#include "core/base/strcat.h"

namespace ronde {
namespace {

void ClearHostBits(IpSubnet* subnet) {
  for (int i = 0; i < 16; ++i) {
    const int kept = std::clamp(subnet->prefix_bits - 8 * i, 0, 8);
    subnet->network[static_cast<std::size_t>(i)] &= static_cast<std::uint8_t>(0xff00 >> kept);
  }
}

}  // namespace

std::optional<IpSubnet> ParseSubnet(std::string_view text) {
  const std::size_t slash = text.find('/');
  // What follows a zero byte would be overlooked.
  if (slash == std::string_view::npos || text.find('\0') != std::string_view::npos) {
    return std::nullopt;
  }
  const std::string address(text.substr(0, slash));
  const std::string_view bits = text.substr(slash + 1);
  IpSubnet subnet;
  if (inet_pton(AF_INET, address.c_str(), subnet.network.data()) != 1) {
    subnet.address_bytes = 16;
    if (inet_pton(AF_INET6, address.c_str(), subnet.network.data()) != 1) return std::nullopt;
  }
  const auto [end, error] =
      std::from_chars(bits.data(), bits.data() + bits.size(), subnet.prefix_bits);
  const bool whole = error == std::errc() && end == bits.data() + bits.size();
  if (!whole || subnet.prefix_bits < 0 || subnet.prefix_bits > 8 * subnet.address_bytes) {
    return std::nullopt;
  }
  ClearHostBits(&subnet);
  return subnet;
}

bool Contains(const IpSubnet& outer, const IpSubnet& inner) {
  if (outer.address_bytes != inner.address_bytes || outer.prefix_bits > inner.prefix_bits) {
    return false;
  }
  IpSubnet cut = inner;
  cut.prefix_bits = outer.prefix_bits;
  ClearHostBits(&cut);
  return cut == outer;
}

bool IsHostBound(const IpSubnet& subnet) {
  for (const char* text : {"127.0.0.0/8", "169.254.0.0/16", "::1/128", "fe80::/10"}) {
    if (Contains(*ParseSubnet(text), subnet)) return true;
  }
  return false;
}

std::string FormatSubnet(const IpSubnet& subnet) {
  std::array<char, INET6_ADDRSTRLEN> text = {};
  const int family = subnet.address_bytes == 4 ? AF_INET : AF_INET6;
  inet_ntop(family, subnet.network.data(), text.data(), text.size());
  return StrCat(text.data(), "/", subnet.prefix_bits);
}

}  // namespace ronde
