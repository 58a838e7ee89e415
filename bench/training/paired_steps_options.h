#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "core/base/config.h"

namespace ronde::bench {

/// The command line of ronde-bench-steps.
struct PairedStepsOptions {
  std::string model = "resnet20";
  std::int64_t width = 16;
  std::int64_t batch_size = 32;
  int pairs = 30;
  int steps = 10;
  int threads = 1;
  Config config;
};

/// Gives an exit code where the program should end now.
[[nodiscard]] std::variant<PairedStepsOptions, int> ParsePairedSteps(int argc, char** argv);

}  // namespace ronde::bench
