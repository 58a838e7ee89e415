#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "collectives/collective_context.h"
#include "collectives/device/device_context.h"
#include "collectives/shared/set_up_exchange.h"
#include "core/base/config.h"
#include "core/device/device_buffer.h"
#include "core/device/simulated_device.h"
#include "tests/support/run_ranks.h"

namespace ronde {

/// One rank of a test: a thread with a simulated device of its own.
struct DeviceRank {
  CollectiveContext& group;
  SimulatedDevice& device;
  DeviceContext& context;

  [[nodiscard]] int rank() const { return group.rank(); }
  [[nodiscard]] int size() const { return group.size(); }
};

struct DeviceRanksOptions {
  std::string timeout_s = "30";
  DeviceContext::Options context = {.channels = kDeviceChannels, .staging_bytes = 64 << 10};
  /// By rank: what its device is like.
  std::function<SimulatedDevice::Options(int rank)> device = [](int) {
    return SimulatedDevice::Options();
  };
  std::vector<std::string> host_ids;  ///< empty: all on one
};

inline Config ConfigWith(const std::vector<std::pair<Setting, std::string>>& settings) {
  Config config;
  for (const auto& [setting, value] : settings) {
    const Status status = config.Set(setting, value, SettingOrigin::kProgram);
    EXPECT_TRUE(status.ok()) << status.message();
  }
  return config;
}

/// Nobody's memory goes before all ranks are done with it: a process that dies gives back its own
/// mappings, a thread does not.
inline void MeetAll(Transport& transport) {
  std::vector<std::uint8_t> all(static_cast<std::size_t>(transport.size()));
  const Status met = ExchangeRecords(transport, &all, Deadline::After(30));
  EXPECT_TRUE(met.ok()) << met.message();
}

/// Runs `body` on each rank, with a context that has been made.
inline void RunDeviceRanks(int size, const std::function<void(DeviceRank&)>& body,
                           const DeviceRanksOptions& options = {}) {
  const auto run = [&](Transport& transport) {
    const Config config = ConfigWith({{Setting::kTimeoutS, options.timeout_s}});
    auto group = CollectiveContext::Create(transport, config);
    ASSERT_TRUE(group.ok()) << group.status().message();
    SimulatedDevice device(options.device(transport.rank()));
    auto context = DeviceContext::Create(*group.value(), &device, options.context);
    ASSERT_TRUE(context.ok()) << context.status().message();
    DeviceRank rank = {*group.value(), device, *context.value()};
    body(rank);
    MeetAll(transport);
  };
  RunRanks(size, run, {options.host_ids});
}

/// Everything that `channel` has is done.
inline Status Finish(DeviceRank& rank, DeviceChannel& channel) {
  return rank.device.Synchronize(channel.stream().native, Deadline::After(30));
}

/// Device memory of this rank alone, with this in it.
inline DeviceBuffer PrivateCopy(DeviceRank& rank, const std::vector<std::byte>& bytes) {
  auto buffer = DeviceBuffer::Create(rank.device, bytes.size() + 1);
  EXPECT_TRUE(buffer.ok()) << buffer.status().message();
  std::memcpy(buffer.value().data(), bytes.data(), bytes.size());
  return std::move(buffer).value();
}

}  // namespace ronde
