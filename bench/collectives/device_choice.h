#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace ronde::bench {

/// Where the buffers of a benchmark lie: --device.
enum class DeviceChoice : std::uint8_t { kCpu, kCuda, kSimulated };

/// As on the command line.
[[nodiscard]] constexpr std::string_view Name(DeviceChoice choice) {
  constexpr std::string_view kNames[] = {"cpu", "cuda", "simulated"};
  return kNames[static_cast<int>(choice)];
}
[[nodiscard]] constexpr std::optional<DeviceChoice> ParseDeviceChoice(std::string_view name) {
  for (const DeviceChoice choice :
       {DeviceChoice::kCpu, DeviceChoice::kCuda, DeviceChoice::kSimulated}) {
    if (Name(choice) == name) return choice;
  }
  return std::nullopt;
}

}  // namespace ronde::bench
