#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/status.h"

namespace ronde {

/// An IP address of an interface that is up. IPv4 is in its IPv6 form, ::ffff:10.0.0.7/120.
struct DeviceAddress {
  std::string device;
  std::array<std::uint8_t, 16> address{};
  int prefix_bits = 0;
  bool host_bound = false;  ///< loopback or link-local: no other host can use it
};

/// This process's, from getifaddrs.
[[nodiscard]] std::vector<DeviceAddress> OwnDeviceAddresses();

/// The devices that --network-interface names: names, and subnets ("10.0.0.0/24") for those of
/// `own` with an address in them, separated by commas. `known` holds the devices of
/// InfiniBand, which may be named with a port ("mlx5_0:1").
/// Error: kInvalidArgument naming what there is.
[[nodiscard]] Result<std::vector<std::string>> NamedDevices(std::string_view setting,
                                                            std::span<const DeviceAddress> own,
                                                            std::span<const std::string> known);

/// What "auto" takes: the devices of `own` whose subnet every host of `hosts` has an address of its
/// own in. A bridge of containers has the same address on every host and does not count. Where
/// there is no such subnet: those that other hosts could use; routers then have to connect the
/// hosts.
[[nodiscard]] std::vector<std::string> CommonDevices(
    std::span<const DeviceAddress> own, std::span<const std::vector<DeviceAddress>> hosts);

}  // namespace ronde
