#include "bench/training/paired_steps_options.h"

#include <CLI/CLI.hpp>

#include "core/base/program.h"

namespace ronde::bench {

std::variant<PairedStepsOptions, int> ParsePairedSteps(int argc, char** argv) {
  PairedStepsOptions options;
  Result<Config> config = Config::FromEnvironment();
  if (!config.ok()) return ReportBadInput("ronde-bench-steps", config.status());
  options.config = std::move(config).value();

  CLI::App app(
      "Times training steps whose gradients are averaged beside steps that only compute, in turn\n"
      "and on the same model, so that whatever slows the machine down slows both. Prints a JSON\n"
      "line per pair of blocks: seconds of a block, the slowest rank's.\n"
      "Use: ronderun -np 2 ronde-bench-steps [OPTIONS]",
      "ronde-bench-steps");
  SetUpProgram(app);
  app.add_option("--model", options.model)
      ->check(CLI::IsMember({"resnet8", "resnet20"}))
      ->capture_default_str();
  app.add_option("--width", options.width, "channels of the first stage")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--batch-size", options.batch_size, "images per rank and step")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--pairs", options.pairs, "pairs of blocks, after one that warms up")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--steps", options.steps, "of a block; ranks start each together")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--threads", options.threads, "of each rank")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  AddSettingFlags(app, options.config);
  if (const auto code = ParseCommandLine(app, argc, argv)) return *code;
  return options;
}

}  // namespace ronde::bench
