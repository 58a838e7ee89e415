#include "collectives/device/device_costs.h"

namespace ronde {
namespace {

// A kernel's launch, and one barrier of its blocks with peers.
constexpr double kLaunchUs = 3;
constexpr double kNvLinkBarrierUs = 3;
constexpr double kPcieBarrierUs = 5;
// Bytes per microsecond: what data sheets say, less a third.
constexpr double kMemoryRate = 1.6e6;
constexpr double kNvLinkRate = 3e5;
constexpr double kPcieRate = 2e4;

}  // namespace

DeviceCosts DefaultDeviceCosts(DeviceLinkKind link, int ranks) {
  const bool pcie = link == DeviceLinkKind::kPcie;
  const double rate = pcie ? kPcieRate : kNvLinkRate;
  DeviceCosts costs;
  costs.peer = {.alpha_us = kLaunchUs + (pcie ? kPcieBarrierUs : kNvLinkBarrierUs),
                .beta_us = 1 / (link == DeviceLinkKind::kSameDevice ? kMemoryRate : rate),
                .gamma_us = 1 / kMemoryRate};
  costs.nccl = {.alpha_us = pcie ? 25.0 : 15.0, .beta_us = 1 / rate, .gamma_us = 0};
  costs.host_copy = {.alpha_us = 5, .beta_us = 1 / kPcieRate, .gamma_us = 0};
  costs.one_shot_bytes = DeviceOneShotBytes(costs.peer, ranks);
  return costs;
}

std::int64_t DeviceOneShotBytes(const LinkCost& peer, int ranks) {
  if (ranks < 2) return 0;
  const double peers = ranks - 1;
  // One shot copies its input to where peers read it, unless it is there already.
  const double one_shot = peers * (peer.beta_us + peer.gamma_us) + peer.gamma_us;
  const double two_shot = peers / ranks * (2 * peer.beta_us + peer.gamma_us);
  // Half of alpha is the barrier that one shot does without.
  return static_cast<std::int64_t>(peer.alpha_us / 2 / (one_shot - two_shot));
}

}  // namespace ronde
