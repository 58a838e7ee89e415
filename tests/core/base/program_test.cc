#include "core/base/program.h"

#include <algorithm>

#include <CLI/CLI.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ronde {
namespace {

struct Outcome {
  std::optional<int> exit_code;
  std::string error;
  Config config;
};

Outcome Parse(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "program");
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  Outcome outcome;
  CLI::App app("", "program");
  SetUpProgram(app);
  AddSettingFlags(app, outcome.config);
  testing::internal::CaptureStderr();
  outcome.exit_code = ParseCommandLine(app, static_cast<int>(argv.size()), argv.data());
  outcome.error = testing::internal::GetCapturedStderr();
  return outcome;
}

TEST(ParseCommandLine, PutsFlagsIntoTheConfig) {
  const Outcome outcome = Parse({"--timeout-s", "3", "--chunk-bytes=64K"});
  EXPECT_EQ(outcome.exit_code, std::nullopt);
  EXPECT_EQ(outcome.config.GetReal(Setting::kTimeoutS), 3);
  EXPECT_EQ(outcome.config.GetInteger(Setting::kChunkBytes), 65536);
  EXPECT_EQ(outcome.config.GetOrigin(Setting::kTimeoutS), SettingOrigin::kFlag);
}

TEST(ParseCommandLine, SaysInOneLineWhatIsWrong) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{"--timeout-s", "soon"}, "program: --timeout-s: 'soon' is not accepted"},
      {{"--timeout-s"}, "program: --timeout-s: expected one value"},
      {{"--what"}, "--what"},
      {{"stray"}, "stray"},
  };
  for (const auto& [arguments, expected] : cases) {
    const Outcome outcome = Parse(arguments);
    EXPECT_EQ(outcome.exit_code, 2);
    EXPECT_THAT(outcome.error, testing::HasSubstr(expected));
    EXPECT_EQ(std::count(outcome.error.begin(), outcome.error.end(), '\n'), 1) << outcome.error;
  }
}

}  // namespace
}  // namespace ronde
