#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>

namespace ronde {

/// A range of IPv4 or IPv6 addresses, as in "10.0.0.0/24". Ordered: IPv4 first, then by address.
struct IpSubnet {
  int address_bytes = 4;                   ///< 4 or 16
  std::array<std::uint8_t, 16> network{};  ///< bits past the prefix are 0
  int prefix_bits = 0;

  friend bool operator==(const IpSubnet&, const IpSubnet&) = default;
  friend bool operator<(const IpSubnet& a, const IpSubnet& b) {
    return std::tie(a.address_bytes, a.network, a.prefix_bits) <
           std::tie(b.address_bytes, b.network, b.prefix_bits);
  }
};

/// The subnet of "10.0.0.7/24": 10.0.0.0/24. nullopt where this is no address and prefix.
[[nodiscard]] std::optional<IpSubnet> ParseSubnet(std::string_view text);

/// Whether all addresses of `inner` lie in `outer`.
[[nodiscard]] bool Contains(const IpSubnet& outer, const IpSubnet& inner);

/// 169.254.0.0/16, fe80::/10 and loopback: addresses that no other host can use.
[[nodiscard]] bool IsHostBound(const IpSubnet& subnet);

/// "10.0.0.0/24".
[[nodiscard]] std::string FormatSubnet(const IpSubnet& subnet);

}  // namespace ronde
