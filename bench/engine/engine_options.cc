#include "bench/engine/engine_options.h"

#include <algorithm>
#include <array>

namespace ronde::bench {
namespace {

constexpr std::array<std::string_view, 3> kModes = {"uncached", "cached", "locked"};
constexpr std::array<std::string_view, 3> kOrders = {"same", "by-rank", "random"};

template <typename Enum>
std::optional<Enum> Find(const std::array<std::string_view, 3>& names, std::string_view name) {
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) return std::nullopt;
  return static_cast<Enum>(found - names.begin());
}

}  // namespace

std::string_view Name(ControlMode mode) { return kModes[static_cast<std::size_t>(mode)]; }

std::optional<ControlMode> ParseControlMode(std::string_view name) {
  return Find<ControlMode>(kModes, name);
}

std::string_view Name(SubmitOrder order) { return kOrders[static_cast<std::size_t>(order)]; }

std::optional<SubmitOrder> ParseSubmitOrder(std::string_view name) {
  return Find<SubmitOrder>(kOrders, name);
}

Result<Config> WithMode(const Config& config, ControlMode mode) {
  Config changed = config;
  if (mode == ControlMode::kUncached) {
    RONDE_RETURN_IF_ERROR(
        changed.Set(Setting::kResponseCacheCapacity, "0", SettingOrigin::kProgram));
  }
  if (mode != ControlMode::kLocked) {
    RONDE_RETURN_IF_ERROR(changed.Set(Setting::kLockAfter, "0", SettingOrigin::kProgram));
  }
  return changed;
}

int IterationsToSettle(const Config& config) {
  constexpr int kToFillTheCache = 3;
  return kToFillTheCache + static_cast<int>(config.GetInteger(Setting::kLockAfter));
}

}  // namespace ronde::bench
