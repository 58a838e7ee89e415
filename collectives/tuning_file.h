#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "collectives/cost_model.h"
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

/// What was measured with one number of ranks on one number of hosts.
struct Tuning {
  int ranks = 1;
  int hosts = 1;
  std::string date;  ///< of the measurement, for people
  CostModel costs;
  std::vector<TunedRule> allreduce;  ///< the first rule that fits a call counts

  friend bool operator==(const Tuning&, const Tuning&) = default;
};

/// What `ronde-bench --calibrate` writes and --tuning-file names: one machine's measurements, an
/// entry for each number of ranks. JSON of one format version; others are refused.
struct TuningFile {
  std::string machine;  ///< MachineKey of the host of rank 0
  std::vector<Tuning> entries;

  /// The entry for exactly this many ranks and hosts, or null.
  [[nodiscard]] const Tuning* Find(int ranks, int hosts) const;
  /// Replaces the entry of the same ranks and hosts, or adds one.
  void Put(Tuning entry);

  friend bool operator==(const TuningFile&, const TuningFile&) = default;
};

[[nodiscard]] std::string TuningToJson(const TuningFile& file);
/// `what` names the text in messages. Error: kInvalidArgument naming the field, what is expected
/// and what was found.
[[nodiscard]] Result<TuningFile> TuningFromJson(std::string_view text, const std::string& what);

[[nodiscard]] Result<TuningFile> ReadTuningFile(const std::string& path);
/// Replaces the file as a whole.
[[nodiscard]] Status WriteTuningFile(const TuningFile& file, const std::string& path);

}  // namespace ronde
