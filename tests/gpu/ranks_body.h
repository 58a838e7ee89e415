#pragma once

#include <functional>
#include <memory>
#include <utility>

#include <gtest/gtest.h>

#include "bench/collectives/device_runner.h"
#include "tests/support/run_ranks.h"

namespace ronde::bench {

/// A rank of a test, with a device and a context on it.
struct RankOnDevice {
  DirectRunner& direct;
  DeviceRunner& runner;

  [[nodiscard]] int rank() const { return direct.rank(); }
  [[nodiscard]] int size() const { return direct.size(); }
  [[nodiscard]] BenchDevice& device() const { return *runner.device(); }
  [[nodiscard]] DeviceChannel& channel() const { return runner.context().channel(0); }
};

/// Runs `body` as the rank of `transport`.
inline void RunOnDevice(std::unique_ptr<Transport> transport, DeviceChoice choice,
                        const Config& config, const std::function<void(RankOnDevice&)>& body) {
  auto direct = DirectRunner::CreateOn(std::move(transport), config);
  ASSERT_TRUE(direct.ok()) << direct.status().ToString();
  auto device = BenchDevice::Open(choice, direct.value()->rank());
  ASSERT_TRUE(device.ok()) << device.status().ToString();
  auto runner = DeviceRunner::Create(*direct.value(), *device.value(), config);
  ASSERT_TRUE(runner.ok()) << runner.status().ToString();
  RankOnDevice rank = {*direct.value(), *runner.value()};
  body(rank);
}

/// Runs `body` on each of `ranks` threads. On a machine with one GPU all of them use that one: they
/// are streams of one process.
inline void RunOnDevices(int ranks, DeviceChoice choice, const Config& config,
                         const std::function<void(RankOnDevice&)>& body) {
  RunRanksOwning(ranks, [&](std::unique_ptr<Transport> transport) {
    RunOnDevice(std::move(transport), choice, config, body);
  });
}

/// The settings, with `value` for `setting`.
inline Config With(Setting setting, const std::string& value, Config config = {}) {
  const Status status = config.Set(setting, value, SettingOrigin::kProgram);
  EXPECT_TRUE(status.ok()) << status.message();
  return config;
}

}  // namespace ronde::bench
