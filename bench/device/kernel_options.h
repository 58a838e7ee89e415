#pragma once

#include <optional>

#include "bench/device/kernel_row.h"

namespace ronde::bench {

/// Reads and validates the command line of ronde-bench-kernels. Yields the exit code when the
/// program should end now (after --help, or after a wrong flag, which has been said).
struct ParsedKernelOptions {
  std::optional<int> exit_code;
  KernelOptions options;
};
[[nodiscard]] ParsedKernelOptions ParseKernelOptions(int argc, char** argv);

}  // namespace ronde::bench
