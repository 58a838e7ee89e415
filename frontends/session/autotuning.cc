#include "frontends/session/autotuning.h"

#include <algorithm>
#include <utility>

#include "core/base/log.h"

namespace ronde {
namespace {

bool IsFree(const Config& config, Setting setting) {
  const SettingOrigin origin = config.GetOrigin(setting);
  return origin != SettingOrigin::kFlag && origin != SettingOrigin::kEnvironment;
}

// What is in force when the job begins; the same as the executor's and the engine's.
Tunables DefaultsOf(const Config& config, const CollectiveContext& context) {
  Tunables defaults;
  defaults.fusion_threshold_bytes = config.GetInteger(Setting::kFusionThresholdBytes);
  defaults.cycle_time_ms = config.GetReal(Setting::kCycleTimeMs);
  defaults.chunk_bytes = static_cast<std::int64_t>(context.chunk_bytes());
  defaults.one_shot_bytes = context.costs().one_shot_bytes;
  return defaults;
}

AutotuneOptions OptionsFor(const Config& config, CollectiveContext& context) {
  AutotuneOptions options;
  // Slots are of use only where all ranks share memory.
  const bool uses_slots =
      context.communicator().single_host() && context.shared_channel() != nullptr;
  options.tunes_fusion_threshold = IsFree(config, Setting::kFusionThresholdBytes);
  options.tunes_cycle_time = IsFree(config, Setting::kCycleTimeMs);
  options.tunes_chunk = uses_slots && IsFree(config, Setting::kChunkBytes);
  options.tunes_one_shot = uses_slots;
  options.largest_chunk_bytes = static_cast<std::int64_t>(context.largest_chunk_bytes());
  // Another order of additions may give other bits.
  options.several_hosts =
      !context.communicator().single_host() && context.hierarchy() == Hierarchy::kAuto &&
      context.wire_format() == WireFormat::kSame && !config.GetSwitch(Setting::kReproducible) &&
      IsFree(config, Setting::kHierarchy);
  // After a switch a schedule has to be locked anew.
  const std::int64_t lock_after = config.GetInteger(Setting::kLockAfter);
  constexpr std::int64_t kMostWarmup = 20;
  options.warmup_iterations =
      static_cast<int>(std::min(kMostWarmup, std::max<std::int64_t>(3, lock_after + 2)));
  return options;
}

}  // namespace

Result<std::unique_ptr<Autotuning>> Autotuning::Create(const Config& config,
                                                       CollectiveContext& context) {
  if (!config.GetSwitch(Setting::kAutotune) || context.rank() != 0) {
    return std::unique_ptr<Autotuning>();
  }
  if (context.size() == 1) {
    Log(LogLevel::kInfo, "autotuning: one rank alone has nothing to tune");
    return std::unique_ptr<Autotuning>();
  }
  RONDE_ASSIGN_OR_RETURN(std::unique_ptr<AutotuneOutput> output,
                         AutotuneOutput::Create(config, context));
  return std::unique_ptr<Autotuning>(
      new Autotuning(std::move(output), DefaultsOf(config, context), OptionsFor(config, context)));
}

}  // namespace ronde
