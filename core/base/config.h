#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/status.h"

namespace ronde {

/// How a setting's text is read. kBytes accepts K, M and G (powers of 1024). A kSwitch is on or off
/// (or 1, true, 0, false); its `choices`, if any, are further ways of being on.
enum class SettingType { kSwitch, kInteger, kReal, kBytes, kText, kChoice };

/// Every setting of the engine, by name; the order is that of the table in config_table.cc.
enum class Setting : int {
  kAllreduceAlgorithm,
  kReproducible,
  kChunkBytes,
  kWait,
  kSpinUs,
  kTuningFile,
  kHierarchy,
  kWireCompression,
  kNetTransport,
  kNetworkInterface,
  kFusionThresholdBytes,
  kCycleTimeMs,
  kResponseCacheCapacity,
  kLockAfter,
  kProcessSets,
  kTimeoutS,
  kStallWarningS,
  kStallShutdownS,
  kTimeline,
  kTimelineMarkCycles,
  kMetricsFile,
  kMetricsPort,
  kMetricsIntervalS,
  kAutotune,
  kAutotuneFile,
  kAutotuneLog,
  kTopology,
  kHostId,
  kLogLevel,
};

/// One row of the table that programs' flags, ronde-info, docs and validation come from.
struct SettingSpec {
  Setting id;
  std::string_view environment;  ///< "RONDE_TIMEOUT_S"
  std::string_view flag;         ///< "--timeout-s"
  std::string_view group;        ///< heading in --help
  SettingType type;
  std::string_view default_value;  ///< in the form in which a user writes it
  double minimum = 0;              ///< for kInteger, kReal and kBytes
  double maximum = 0;
  std::string_view choices;  ///< for kChoice: "trace|debug|info"; for kSwitch see there
  std::string_view help;
};

/// The table, in the order of `Setting`.
[[nodiscard]] std::span<const SettingSpec> Settings();
[[nodiscard]] const SettingSpec& SpecOf(Setting setting);
/// "on|off", "number from 0.1 to 86400", ...: what a value of this setting may be.
[[nodiscard]] std::string AcceptedValues(const SettingSpec& spec);

enum class SettingOrigin { kDefault, kEnvironment, kFlag, kProgram };
[[nodiscard]] std::string_view Name(SettingOrigin origin);

/// The value of every setting and where it came from. Values are validated when they are set, so
/// the getters cannot fail. Precedence: flag, environment, the program's own default, default.
/// Thread rule: a plain value; guarded by whoever shares it.
class Config {
 public:
  /// All defaults.
  Config();

  /// Defaults overlaid with RONDE_... variables. A malformed value, or a RONDE_ name that is not in
  /// the table, is kInvalidArgument and names the variable, the value and what is accepted.
  [[nodiscard]] static Result<Config> FromEnvironment();
  /// The same for explicit `variables` ("NAME=value").
  [[nodiscard]] static Result<Config> FromVariables(std::span<const std::string> variables);

  /// Sets a value; `origin` decides what the setting is called in the error message.
  [[nodiscard]] Status Set(Setting setting, std::string_view value, SettingOrigin origin);
  /// A program's own default: kept only where neither flag nor environment has spoken.
  [[nodiscard]] Status SetProgramDefault(Setting setting, std::string_view value);

  [[nodiscard]] bool GetSwitch(Setting setting) const;
  [[nodiscard]] std::int64_t GetInteger(Setting setting) const;  ///< kInteger and kBytes
  [[nodiscard]] double GetReal(Setting setting) const;
  [[nodiscard]] const std::string& GetText(Setting setting) const;  ///< as written; a switch's
                                                                    ///< other spellings as on, off
  [[nodiscard]] SettingOrigin GetOrigin(Setting setting) const;

 private:
  struct Entry {
    std::string text;
    double number = 0;
    SettingOrigin origin = SettingOrigin::kDefault;
  };
  std::vector<Entry> entries_;
};

/// Reads "64", "64K", "1.5M", "2G" as bytes.
[[nodiscard]] Result<std::int64_t> ParseBytes(std::string_view text);

}  // namespace ronde
