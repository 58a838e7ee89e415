#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "collectives/cost_model.h"
#include "collectives/device/device_costs.h"
#include "core/base/config.h"
#include "core/base/status.h"

namespace ronde {

/// "For sizes in this range, this algorithm": both ends count.
struct TunedRule {
  enum class Buffers { kAny, kPrivate, kRegistered };

  std::string algorithm;
  std::int64_t min_bytes = 0;
  std::int64_t max_bytes = INT64_MAX;
  Buffers buffers = Buffers::kAny;

  friend bool operator==(const TunedRule&, const TunedRule&) = default;
};

/// Settings that the autotuner has found to be better than the defaults.
struct TunedSettings {
  std::optional<std::int64_t> fusion_threshold_bytes;
  std::optional<double> cycle_time_ms;
  std::optional<std::int64_t> chunk_bytes;
  std::optional<bool> hierarchical;  ///< false: --hierarchy flat

  friend bool operator==(const TunedSettings&, const TunedSettings&) = default;
};

/// What was measured with device memory.
struct DeviceTuning {
  std::string device;  ///< its name, for people
  DeviceCosts costs;
  std::vector<TunedRule> allreduce;  ///< the first rule that fits a call counts

  friend bool operator==(const DeviceTuning&, const DeviceTuning&) = default;
};

/// What was measured with one number of ranks on one number of hosts.
struct Tuning {
  int ranks = 1;
  int hosts = 1;
  std::string date;  ///< of the measurement, for people
  CostModel costs;
  std::vector<TunedRule> allreduce;  ///< the first rule that fits a call counts
  TunedSettings settings;
  std::optional<DeviceTuning> device;  ///< ronde-bench --calibrate --device

  friend bool operator==(const Tuning&, const Tuning&) = default;
};

/// What `ronde-bench --calibrate` and --autotune-file write and --tuning-file names: one machine's
/// measurements, an entry for each number of ranks. JSON of one format version; others are refused.
struct TuningFile {
  std::string machine;  ///< MachineKey of the host of rank 0
  std::vector<Tuning> entries;

  /// The entry for exactly this many ranks and hosts, or null.
  [[nodiscard]] const Tuning* Find(int ranks, int hosts) const;
  /// Replaces the entry of the same ranks and hosts, or adds one. What was measured with devices
  /// stays where the new one has nothing to say of them.
  void Put(Tuning entry);

  friend bool operator==(const TuningFile&, const TuningFile&) = default;
};

/// The settings, with those of `tuning`, which may be null, in place of defaults: what a flag or
/// the environment says counts more.
[[nodiscard]] Config WithTuning(Config config, const Tuning* tuning);

[[nodiscard]] std::string TuningToJson(const TuningFile& file);
/// `what` names the text in messages. Error: kInvalidArgument naming the field, what is expected
/// and what was found.
[[nodiscard]] Result<TuningFile> TuningFromJson(std::string_view text, const std::string& what);

[[nodiscard]] Result<TuningFile> ReadTuningFile(const std::string& path);
/// The file at `path` for a new entry to be put into: what is there already, if that is of
/// `machine`, else nothing. `flag` names the setting in messages. Error: kInvalidArgument for what
/// cannot be read as a tuning file, which is not to be overwritten.
[[nodiscard]] Result<TuningFile> TuningFileToExtend(const std::string& path,
                                                    const std::string& machine,
                                                    std::string_view flag);
/// Today's date, as Tuning has it.
[[nodiscard]] std::string TuningDate();
/// Replaces the file as a whole.
[[nodiscard]] Status WriteTuningFile(const TuningFile& file, const std::string& path);

}  // namespace ronde
