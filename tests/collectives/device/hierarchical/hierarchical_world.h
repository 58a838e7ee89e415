#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "collectives/device/algorithm.h"
#include "collectives/device/hierarchical/companion.h"
#include "tests/collectives/device/device_ranks.h"

namespace ronde {

inline const DeviceAllreduceAlgorithm& HierarchicalAlgorithm() {
  return *FindDeviceAllreduceAlgorithm("hierarchical");
}

using WorldSettings = std::vector<std::pair<Setting, std::string>>;

/// A world of hosts with so many ranks each, whose devices begin their work late.
struct World {
  std::vector<int> ranks_per_host;
  WorldSettings settings = {};
  bool gpu_direct = false;
  std::uint64_t delay_seed = 0;
  double watchdog_s = 60;

  [[nodiscard]] std::vector<std::string> host_ids() const {
    std::vector<std::string> ids;
    for (std::size_t host = 0; host < ranks_per_host.size(); ++host) {
      const auto ranks = static_cast<std::size_t>(ranks_per_host[host]);
      ids.insert(ids.end(), ranks, std::string(1, static_cast<char>('a' + host)));
    }
    return ids;
  }
  [[nodiscard]] int size() const { return static_cast<int>(host_ids().size()); }
};

inline void RunWorld(const World& world, const std::function<void(DeviceRank&)>& body) {
  const auto run = [&](Transport& transport) {
    WorldSettings settings = {{Setting::kTimeoutS, "10"}, {Setting::kChunkBytes, "4K"}};
    settings.insert(settings.end(), world.settings.begin(), world.settings.end());
    const Config config = ConfigWith(settings);
    auto group = CollectiveContext::Create(transport, config);
    ASSERT_TRUE(group.ok()) << group.status().message();
    SimulatedDevice::Options options;
    if (world.delay_seed != 0) {
      options.delay_seed = world.delay_seed + static_cast<std::uint64_t>(transport.rank());
    }
    SimulatedDevice device(options);
    auto context =
        DeviceContext::Create(*group.value(), &device, {.channels = 2, .staging_bytes = 24 << 10});
    ASSERT_TRUE(context.ok()) << context.status().message();
    UseGpuDirect(*context.value(), world.gpu_direct);
    DeviceRank rank = {*group.value(), device, *context.value()};
    body(rank);
  };
  RunRanks(world.size(), run, {world.host_ids(), world.watchdog_s});
}

}  // namespace ronde
