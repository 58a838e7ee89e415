#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/config.h"
#include "core/base/types.h"

namespace ronde::bench {

/// What to measure. Sizes are bytes per rank, as in nccl-tests.
struct BenchOptions {
  std::string collective = "allreduce";
  std::int64_t min_bytes = 4;
  std::int64_t max_bytes = 64 << 20;
  std::int64_t step_factor = 4;
  int iterations = 20;
  int warmup_iterations = 5;
  std::vector<DataType> dtypes;
  std::vector<ReduceOp> ops;
  bool check = true;
  bool engine_path = false;
  bool registered_buffers = false;
  std::vector<std::string> peers;
  /// Unset: table. "-": JSON Lines on stdout in place of the table. Else: a file beside the table.
  std::optional<std::string> json;
};

/// Reads and validates the command line; settings go into `config`. Yields the exit code when the
/// program should end now (after --help, or after a wrong flag, which has been said).
struct ParsedOptions {
  std::optional<int> exit_code;
  BenchOptions options;
};
[[nodiscard]] ParsedOptions ParseBenchOptions(int argc, char** argv, Config& config);

/// min, min * factor, ... up to max.
[[nodiscard]] std::vector<std::int64_t> SizesOf(const BenchOptions& options);

}  // namespace ronde::bench
