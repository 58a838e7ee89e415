#pragma once

#include <functional>
#include <span>
#include <vector>

#include "bench/collectives/bench_device.h"
#include "core/base/status.h"

namespace ronde::bench {

/// Gives work to the benchmark's stream of a device and returns.
using DeviceWork = std::function<Status()>;

/// Microseconds that each of `works` takes on the device: the median over `rounds`, in which they
/// take turns, so that a drift of the device meets them all. In its turn a work is issued as often
/// as fills `batch_us`, and waited for once: what the host needs to issue it overlaps with the
/// device's work, and shows only where it is longer.
[[nodiscard]] Result<std::vector<double>> TimeInTurns(BenchDevice& device,
                                                      std::span<const DeviceWork> works, int rounds,
                                                      double batch_us);

}  // namespace ronde::bench
