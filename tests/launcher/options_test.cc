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
using testing::Not;
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

TEST(LaunchCommandLine, ReadsItsOwnFlags) {
  const std::string key = testing::TempDir() + "/ronde_key";
  std::ofstream(key) << "key";
  const LaunchOptions options = Parse({"-np",
                                       "2",
                                       "--bind",
                                       "numa",
                                       "--launcher",
                                       "srun",
                                       "--ssh-port",
                                       "2222",
                                       "--ssh-identity-file",
                                       key,
                                       "--start-timeout-s",
                                       "2.5",
                                       "--output-directory",
                                       "/tmp",
                                       "--tag-output",
                                       "--env",
                                       "A=1",
                                       "--env",
                                       "B",
                                       "--env=C=x,y",
                                       "true",
                                       "--env"});
  EXPECT_EQ(options.binding, BindingChoice::kNuma);
  EXPECT_EQ(options.launcher, LauncherChoice::kSrun);
  EXPECT_EQ(options.ssh_port, 2222);
  EXPECT_EQ(options.ssh_identity_file, key);
  EXPECT_EQ(options.start_timeout_s, 2.5);
  EXPECT_EQ(options.output_directory, "/tmp");
  EXPECT_TRUE(options.tag_output);
  EXPECT_THAT(options.environment, ElementsAre("A=1", "B", "C=x,y"));
  EXPECT_THAT(options.program, ElementsAre("true", "--env"));
}

TEST(LaunchCommandLine, TheBuildCanBeAskedForWithoutAProgram) {
  const LaunchOptions options = Parse({"--check-build"});
  EXPECT_TRUE(options.check_build);
  EXPECT_THAT(options.program, testing::IsEmpty());
}

TEST(LaunchCommandLine, SaysWhatItsOwnFlagsAccept) {
  const auto error = [](const std::string& flag, const std::string& value) {
    return ParseError({"-np", "2", flag, value, "true"});
  };
  EXPECT_THAT(error("--bind", "socket"), HasSubstr("expected one of auto, core, numa, none"));
  EXPECT_THAT(error("--launcher", "ssh"), HasSubstr("expected one of auto, mpirun, srun"));
  EXPECT_THAT(error("--ssh-port", "0"), HasSubstr("whole number from 1 to 65535"));
  EXPECT_THAT(error("--ssh-port", "22a"), HasSubstr("'22a'"));
  EXPECT_THAT(error("--ssh-identity-file", "/nonexistent/key"), HasSubstr("does not exist"));
  EXPECT_THAT(error("--start-timeout-s", "soon"), HasSubstr("number from 0 to 86400"));
  EXPECT_THAT(error("--output-directory", "/dev/null"), HasSubstr("is no folder"));
  EXPECT_THAT(error("--env", "=1"), HasSubstr("expected NAME or NAME=value"));
  EXPECT_THAT(error("--mpi-home", "/nonexistent"), HasSubstr("'/nonexistent/bin/mpirun'"));
}

TEST(LaunchCommandLine, AWrongFlagNamesTheNearest) {
  EXPECT_THAT(ParseError({"-np", "2", "--time-out-s", "3", "true"}),
              HasSubstr("'--time-out-s' is unknown; did you mean '--timeout-s'?"));
  EXPECT_THAT(ParseError({"-np", "2", "--host=a:2", "true"}), HasSubstr("did you mean '--hosts'?"));
  EXPECT_THAT(ParseError({"-np", "2", "--bogus", "true"}), Not(HasSubstr("did you mean")));
}

class ConfigFileOfALaunch : public testing::Test {
 protected:
  // The arguments that name a file with this content.
  Arguments With(const std::string& text, Arguments arguments) {
    std::ofstream(path_) << text;
    arguments.insert(arguments.begin(), {"--config-file", path_});
    return arguments;
  }
  const std::string path_ = testing::TempDir() + "/ronde_run.yaml";
};

TEST_F(ConfigFileOfALaunch, GivesFlagsAndSettings) {
  const LaunchOptions options =
      Parse(With("np: 4\nhosts: [a:2, b:2]\nbind: none\ntag-output: true\ndry_run: off\n"
                 "timeout-s: 7\nreproducible: on\nenv:\n  A: 1\n  B: 'x, y'\n",
                 {"true", "x"}));
  EXPECT_EQ(options.rank_count, 4);
  EXPECT_THAT(options.hosts, ElementsAre(HostSlots{"a", 2}, HostSlots{"b", 2}));
  EXPECT_EQ(options.binding, BindingChoice::kNone);
  EXPECT_TRUE(options.tag_output);
  EXPECT_FALSE(options.dry_run);
  EXPECT_EQ(options.settings.GetReal(Setting::kTimeoutS), 7);
  EXPECT_EQ(options.settings.GetOrigin(Setting::kTimeoutS), SettingOrigin::kFlag);
  EXPECT_TRUE(options.settings.GetSwitch(Setting::kReproducible));
  EXPECT_THAT(options.environment, ElementsAre("A=1", "B=x, y"));
  EXPECT_THAT(options.program, ElementsAre("true", "x"));
}

TEST_F(ConfigFileOfALaunch, CanGiveEveryFlag) {
  testing::internal::CaptureStdout();
  ASSERT_EQ(ParseLaunchCommandLine({"ronderun", "--help"}, Config()).exit_code, 0);
  const std::string help = testing::internal::GetCapturedStdout();
  std::size_t count = 0;
  for (std::size_t at = help.find("\n  "); at != help.npos; at = help.find("\n  ", at + 1)) {
    const std::size_t begin = help.find("--", at);
    if (begin == help.npos ||
        help.substr(at, begin - at).find_first_not_of("\n -nHh,") != help.npos) {
      continue;
    }
    const std::string flag = help.substr(begin + 2, help.find_first_of(" ,\n", begin) - begin - 2);
    if (flag == "help" || flag == "version" || flag == "config-file") continue;
    ++count;
    // No value fits all; but none of the messages may say that the flag is not known.
    std::ofstream(path_) << flag << ": [[]]\n";
    EXPECT_THAT(ParseError({"--config-file", path_, "true"}), HasSubstr("nested")) << flag;
    std::ofstream(path_) << flag << ": '?!'\n";
    testing::internal::CaptureStderr();
    (void)ParseLaunchCommandLine({"ronderun", "--config-file", path_, "true"}, Config());
    EXPECT_THAT(testing::internal::GetCapturedStderr(), Not(HasSubstr("is no flag"))) << flag;
  }
  EXPECT_GE(count, Settings().size() + 15);
}

TEST_F(ConfigFileOfALaunch, AFlagWinsOverItAndItWinsOverTheEnvironment) {
  const std::vector<std::string> variables = {"RONDE_TIMEOUT_S=1", "RONDE_CYCLE_TIME_MS=1",
                                              "RONDE_SPIN_US=1"};
  const Config environment = Config::FromVariables(variables).value();
  std::ofstream(path_) << "np: 4\nhostfile: /nonexistent\ntimeout-s: 2\ncycle-time-ms: 2\n";
  const LaunchCommandLine line = ParseLaunchCommandLine(
      {"ronderun", "-np", "2", "-H", "a", "--timeout-s", "3", "--config-file", path_, "true"},
      environment);
  ASSERT_FALSE(line.exit_code.has_value());
  EXPECT_EQ(line.options.rank_count, 2);
  EXPECT_THAT(line.options.hosts, ElementsAre(HostSlots{"a", 1}));
  EXPECT_EQ(line.options.settings.GetReal(Setting::kTimeoutS), 3);
  EXPECT_EQ(line.options.settings.GetReal(Setting::kCycleTimeMs), 2);
  EXPECT_EQ(line.options.settings.GetInteger(Setting::kSpinUs), 1);
}

TEST_F(ConfigFileOfALaunch, ItsErrorsNameFileLineKeyAndWhatIsAccepted) {
  const auto error = [this](const std::string& text) { return ParseError(With(text, {"true"})); };
  std::ofstream(path_ + ".hosts") << "a\n";
  EXPECT_THAT(error("np: 2\ntimeout-s: soon\n"),
              HasSubstr("config file " + path_ +
                        ", line 2: timeout-s: 'soon' is not accepted; expected number"));
  EXPECT_THAT(error("np: two\n"), HasSubstr("line 1: np: 'two' is not a number of ranks"));
  EXPECT_THAT(error("np: 2\nhosst: a\n"),
              HasSubstr("line 2: 'hosst' is no flag; did you mean 'hosts'?"));
  EXPECT_THAT(error("tag-output: perhaps\n"),
              HasSubstr("tag-output: 'perhaps' is not accepted; expected true or false"));
  EXPECT_THAT(error("env: ['=1']\n"), HasSubstr("line 1: env: '=1'"));
  EXPECT_THAT(error("config-file: x\n"), HasSubstr("'config-file' is no flag"));
  EXPECT_THAT(error("np: 2\nhosts: a\nhostfile: " + path_ + ".hosts\n"),
              HasSubstr("exclude each other"));
  EXPECT_THAT(ParseError({"--config-file", "/nonexistent", "true"}), HasSubstr("'/nonexistent'"));
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
