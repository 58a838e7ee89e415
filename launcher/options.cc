#include "launcher/options.h"

#include <memory>
#include <utility>

#include <CLI/CLI.hpp>

#include "core/base/program.h"
#include "core/base/strcat.h"
#include "launcher/config_flags.h"
#include "launcher/option_flags.h"

namespace ronde {
namespace {

constexpr char kProgramName[] = "ronderun";
constexpr char kDescription[] = "Starts a program as N ranks on this machine or on many hosts.";
constexpr char kFooter[] =
    "\nA flag wins over the config file, that over the environment (RONDE_...), that over the "
    "default.\nExit code: that of the rank that failed first, 128+N if signal N killed it, 2 for "
    "bad input.\nOn SIGINT or SIGTERM every rank gets SIGTERM; the exit code is 130 or 143.\n"
    "Examples: ronderun -np 2 ronde-train --algorithm post-local\n"
    "          ronderun -np 8 -H node1:4,node2:4 --config-file run.yaml ronde-train";

class Formatter : public CLI::Formatter {
 public:
  std::string make_usage(const CLI::App*, std::string) const override {
    return "\nUsage: ronderun -np N [options] [--] program [arguments]\n";
  }
};

// What CLI11 left over is the program and its arguments. They are taken from the end of the
// original command line, so that the rewriting never touches a program's own "-np".
Result<std::vector<std::string>> TakeProgram(const CLI::App& app,
                                             const std::vector<std::string>& arguments) {
  std::vector<std::string> rest = app.remaining();
  const bool separated = !rest.empty() && rest.front() == "--";
  if (separated) rest.erase(rest.begin());
  if (rest.empty()) {
    return Status::InvalidArgument("no program given; usage: ronderun -np N program [arguments]");
  }
  if (!separated && rest.front().front() == '-') {
    return Status::InvalidArgument(StrCat("flag '", rest.front(), "' is unknown",
                                          DidYouMeanFlag(rest.front(), app),
                                          "; see ronderun --help, and put the program's own flags "
                                          "after its name"));
  }
  return std::vector<std::string>(arguments.end() - static_cast<std::ptrdiff_t>(rest.size()),
                                  arguments.end());
}

Status Complete(CLI::App& app, const std::string& config_file,
                const std::vector<std::string>& arguments, LaunchOptions* options) {
  if (!options->check_build || !app.remaining().empty()) {
    RONDE_ASSIGN_OR_RETURN(options->program, TakeProgram(app, arguments));
  }
  if (!config_file.empty()) {
    RONDE_ASSIGN_OR_RETURN(const std::vector<ConfigFileEntry> entries, ReadConfigFile(config_file));
    RONDE_RETURN_IF_ERROR(ApplyConfigFile(config_file, entries, app));
  }
  if (app.count("--hosts") > 0 && app.count("--hostfile") > 0) {
    return Status::InvalidArgument("--hosts and --hostfile exclude each other; give one of them");
  }
  return Status::Ok();
}

}  // namespace

std::vector<std::string> RewriteArguments(std::vector<std::string> arguments) {
  for (std::string& argument : arguments) {
    if (argument == "--") break;
    if (argument == "-np" || argument.rfind("-np=", 0) == 0) argument.insert(0, "-");
  }
  return arguments;
}

LaunchCommandLine ParseLaunchCommandLine(const std::vector<std::string>& arguments,
                                         const Config& environment) {
  LaunchCommandLine result;
  result.options.settings = environment;
  std::string config_file;
  CLI::App app(kDescription, kProgramName);
  app.formatter(std::make_shared<Formatter>());
  SetUpProgram(app);
  app.prefix_command();
  app.footer(kFooter);
  AddLaunchFlags(app, &result.options, &config_file);
  AddSettingFlags(app, result.options.settings);

  std::vector<std::string> rewritten = RewriteArguments(arguments);
  std::vector<char*> argv;
  argv.reserve(rewritten.size());
  for (std::string& argument : rewritten) argv.push_back(argument.data());
  result.exit_code = ParseCommandLine(app, static_cast<int>(argv.size()), argv.data());
  if (result.exit_code) return result;

  const Status status = Complete(app, config_file, arguments, &result.options);
  if (!status.ok()) result.exit_code = ReportBadInput(kProgramName, status);
  return result;
}

}  // namespace ronde
