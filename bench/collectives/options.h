#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bench/collectives/collective.h"
#include "bench/collectives/device_choice.h"
#include "bench/collectives/measurement.h"
#include "bench/engine/engine_options.h"
#include "core/base/config.h"
#include "core/base/types.h"

namespace ronde::bench {

enum class Style { kNccl, kOsu };

/// What `gradients` times: a whole training step's reductions. See MeasureGradients.
struct GradientOptions {
  std::string model = "resnet50";  ///< or a file; see GradientCounts
  std::int64_t bucket_size_bytes = 256 << 10;
  std::vector<std::int64_t> fusion_thresholds;  ///< to compare; empty: the setting
  /// Instead: what the engine adds to the bare collectives. See MeasureNegotiation.
  bool negotiation = false;
};

/// What to measure. Sizes are bytes per rank, as in nccl-tests.
struct BenchOptions {
  Collective collective = Collective::kAllreduce;
  std::int64_t min_bytes = 4;
  std::int64_t max_bytes = 64 << 20;
  std::int64_t step_factor = 4;
  std::int64_t step_bytes = 0;  ///< from one size to the next; 0: by the factor
  int iterations = 20;
  int warmup_iterations = 5;
  int check_calls = 1;  ///< 0: results are not looked at
  int root = 0;
  std::vector<DataType> dtypes;
  std::vector<ReduceOp> ops;
  TimingRules rules;
  bool engine_path = false;
  bool bounds = false;  ///< memory's own speed is measured beside each row
  bool registered_buffers = false;
  DeviceChoice device = DeviceChoice::kCpu;  ///< where buffers lie
  int thread_ranks = 0;  ///< not 0: on a device, so many ranks as threads of this process
  std::vector<std::string> peers;
  Style style = Style::kNccl;
  /// Unset: table. "-": JSON Lines on stdout in place of the table. Else: a file beside the table.
  std::optional<std::string> json;
  /// One of them set: this instead of a collective by sizes.
  std::optional<GradientOptions> gradients;
  std::optional<NegotiateOptions> negotiate;
  std::optional<IdleOptions> idle;
  /// Set: nothing is timed for a table; thresholds are measured and written to this tuning file.
  std::optional<std::string> calibrate;
};

/// Reads and validates the command line; settings go into `config`. Yields the exit code when the
/// program should end now (after --help, or after a wrong flag, which has been said).
struct ParsedOptions {
  std::optional<int> exit_code;
  BenchOptions options;
};
[[nodiscard]] ParsedOptions ParseBenchOptions(int argc, char** argv, Config& config);

/// min, min * factor (or min + step), ... up to max.
[[nodiscard]] std::vector<std::int64_t> SizesOf(const BenchOptions& options);

}  // namespace ronde::bench
