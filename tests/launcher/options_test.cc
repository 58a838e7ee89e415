#include "launcher/options.h"

#include <algorithm>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/strcat.h"

namespace ronde {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Arguments = std::vector<std::string>;

LaunchOptions Parse(Arguments arguments) {
  arguments.insert(arguments.begin(), "ronderun");
  LaunchCommandLine result = ParseLaunchCommandLine(arguments, Config());
  EXPECT_FALSE(result.exit_code.has_value());
  return result.options;
}

// The one line on stderr; checks that it is one and that the exit code is 2.
std::string ParseError(Arguments arguments) {
  arguments.insert(arguments.begin(), "ronderun");
  testing::internal::CaptureStderr();
  const LaunchCommandLine result = ParseLaunchCommandLine(arguments, Config());
  const std::string text = testing::internal::GetCapturedStderr();
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1) << text;
  EXPECT_EQ(text.rfind("ronderun: ", 0), 0u) << text;
  return text;
}

TEST(RewriteArguments, SpellsNpAsALongFlag) {
  EXPECT_THAT(RewriteArguments({"ronderun", "-np", "2", "x"}),
              ElementsAre("ronderun", "--np", "2", "x"));
  EXPECT_THAT(RewriteArguments({"-np=2", "-n", "-npx", "--", "-np"}),
              ElementsAre("--np=2", "-n", "-npx", "--", "-np"));
}

TEST(LaunchCommandLine, ReadsEverySpellingOfTheRankCount) {
  for (const Arguments& np :
       {Arguments{"-np", "3"}, {"-np=3"}, {"--np", "3"}, {"--np=3"}, {"-n", "3"}, {"-n3"}}) {
    Arguments arguments = np;
    arguments.emplace_back("true");
    const LaunchOptions options = Parse(arguments);
    EXPECT_EQ(options.rank_count, 3) << np.front();
    EXPECT_THAT(options.program, ElementsAre("true"));
  }
}

TEST(LaunchCommandLine, LeavesEverythingFromTheProgramOnToTheProgram) {
  const Arguments program = {"mpi-test", "-np",         "4", "--verbose",
                             "--",       "--timeout-s", "x", "-np=1"};
  for (const bool separated : {false, true}) {
    Arguments arguments = {"-np", "2", "--timeout-s", "5"};
    if (separated) arguments.emplace_back("--");
    arguments.insert(arguments.end(), program.begin(), program.end());
    const LaunchOptions options = Parse(arguments);
    EXPECT_EQ(options.rank_count, 2);
    EXPECT_FALSE(options.verbose);
    EXPECT_EQ(options.program, program);
    EXPECT_EQ(options.settings.GetReal(Setting::kTimeoutS), 5);
  }
}

TEST(LaunchCommandLine, ReadsHostsFromFlagAndFile) {
  EXPECT_THAT(Parse({"-np", "2", "-H", "a:2,b", "true"}).hosts,
              ElementsAre(HostSlots{"a", 2}, HostSlots{"b", 1}));
  const std::string path = testing::TempDir() + "/ronde_hostfile";
  std::ofstream(path) << "a slots=2\nb:3\n";
  EXPECT_THAT(Parse({"-np", "2", "--hostfile", path, "true"}).hosts,
              ElementsAre(HostSlots{"a", 2}, HostSlots{"b", 3}));
  EXPECT_THAT(ParseError({"-np", "2", "-H", "a", "--hostfile", path, "true"}),
              HasSubstr("exclude each other"));
}

TEST(LaunchCommandLine, RefusesAWrongRankCount) {
  for (const char* value : {"0", "-1", "two", "2.5", "", "99999999999"}) {
    EXPECT_THAT(ParseError({"-np", value, "true"}), HasSubstr("-np")) << value;
  }
  EXPECT_THAT(ParseError({"true"}), HasSubstr("-np N"));
  EXPECT_THAT(ParseError({"-np"}), HasSubstr("--np"));
}

TEST(LaunchCommandLine, RefusesUnknownFlagsAndWrongValues) {
  EXPECT_THAT(ParseError({"-np", "2", "--bogus", "true"}), HasSubstr("'--bogus' is unknown"));
  EXPECT_THAT(ParseError({"-np", "2", "--timeout-s", "x", "true"}), HasSubstr("--timeout-s: 'x'"));
  EXPECT_THAT(ParseError({"-np", "2", "-H", "a:x", "true"}), HasSubstr("'a:x'"));
  EXPECT_THAT(ParseError({"-np", "2", "-H", "", "true"}), HasSubstr("--hosts"));
  EXPECT_THAT(ParseError({"-np", "2"}), HasSubstr("no program"));
  EXPECT_THAT(ParseError({"-np", "2", "--"}), HasSubstr("no program"));
}

TEST(LaunchCommandLine, ReadsHowLongRanksMaySave) {
  EXPECT_EQ(Parse({"-np", "2", "true"}).stop_timeout_s, 30);
  EXPECT_EQ(Parse({"-np", "2", "--stop-timeout-s", "0.5", "true"}).stop_timeout_s, 0.5);
  EXPECT_EQ(Parse({"-np", "2", "--stop-timeout-s=0", "true"}).stop_timeout_s, 0);
  for (const char* value : {"-1", "soon", "nan", "1e9", "5s"}) {
    EXPECT_THAT(ParseError({"-np", "2", StrCat("--stop-timeout-s=", value), "true"}),
                HasSubstr("--stop-timeout-s: "))
        << value;
  }
}

TEST(LaunchCommandLine, RefusesAHostfileThatCannotBeRead) {
  EXPECT_THAT(ParseError({"-np", "2", "--hostfile", "/nonexistent/hosts", "true"}),
              HasSubstr("'/nonexistent/hosts' cannot be read"));
  EXPECT_THAT(ParseError({"-np", "2", "--hostfile", testing::TempDir(), "true"}),
              HasSubstr("cannot be read"));
}

TEST(LaunchCommandLine, ListsEverySettingInItsHelp) {
  testing::internal::CaptureStdout();
  const LaunchCommandLine result = ParseLaunchCommandLine({"ronderun", "--help"}, Config());
  const std::string help = testing::internal::GetCapturedStdout();
  EXPECT_EQ(result.exit_code, 0);
  for (const SettingSpec& spec : Settings()) {
    EXPECT_THAT(help, HasSubstr(std::string(spec.flag)));
    EXPECT_THAT(help, HasSubstr(std::string(spec.environment)));
  }
}

}  // namespace
}  // namespace ronde
