#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/status.h"

namespace ronde {

/// An address of an interface, as in "10.0.0.7/24".
struct InterfaceAddress {
  std::string address;  ///< IPv4 or IPv6, in the kernel's spelling
  int prefix_bits = 0;

  friend bool operator==(const InterfaceAddress&, const InterfaceAddress&) = default;
};

/// One network interface of a host.
struct NetworkInterface {
  std::string name;
  bool up = false;  ///< switched on and with a carrier
  bool loopback = false;
  bool container_bridge = false;  ///< a bridge or port of containers or virtual machines
  bool default_route = false;     ///< this host's way out
  int speed_mbits = 0;            ///< 0: unknown
  std::vector<InterfaceAddress> addresses;

  friend bool operator==(const NetworkInterface&, const NetworkInterface&) = default;
};

struct HostInterfaces {
  std::string host;
  std::vector<NetworkInterface> interfaces;
};

/// By what hosts reach one another.
struct NetworkChoice {
  /// What mpirun's btl_tcp_if_include and --network-interface take: an interface's name where all
  /// hosts call it the same, else subnets ("10.0.0.0/24"). "" for a single host: nothing to choose.
  std::string value;
  std::vector<std::string> interfaces;  ///< by host, comma-separated names
  std::string reason;  ///< for --verbose: "10.0.0.0/24, 10000 Mb/s, of all 4 hosts"
};

/// What --network-interface means for these hosts. "auto": the fastest subnet in which every host
/// has an address of its own, of interfaces that are up and neither loopback nor bridges of
/// containers; IPv4 before IPv6. Where hosts share no subnet: the interfaces of their default
/// routes, which routers then have to connect. Names and subnets ("eth0,ib0", "10.0.0.0/24"): every
/// host must have one of them, up and with an address.
/// A pure function of its arguments; the order of hosts does not change what is chosen.
/// Errors: kInvalidArgument names what hosts have, and the remedy.
[[nodiscard]] Result<NetworkChoice> ChooseNetwork(std::string_view setting,
                                                  std::span<const HostInterfaces> hosts);

/// "eth0 10.0.0.7/24 1000 Mb/s, ib0 down"; what messages say of a host.
[[nodiscard]] std::string DescribeInterfaces(std::span<const NetworkInterface> interfaces);

/// This machine's interfaces, from getifaddrs and /sys/class/net, sorted by name.
/// Errors: kUnavailable where the kernel does not tell.
[[nodiscard]] Result<std::vector<NetworkInterface>> OwnInterfaces();

}  // namespace ronde
