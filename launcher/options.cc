#include "launcher/options.h"

#include <charconv>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <utility>

#include <CLI/CLI.hpp>

#include "core/base/program.h"
#include "core/base/strcat.h"

namespace ronde {
namespace {

constexpr char kProgramName[] = "ronderun";
constexpr char kDescription[] = "Starts a program as N ranks on this machine or on many hosts.";
constexpr char kFooter[] =
    "\nExit code: that of the rank that failed first, 128+N if signal N killed it, 2 for bad "
    "input.\nOn SIGINT or SIGTERM every rank gets SIGTERM; the exit code is 130 or 143.\nExample: "
    "ronderun -np 2 ronde-train --algorithm post-local";

class Formatter : public CLI::Formatter {
 public:
  std::string make_usage(const CLI::App*, std::string) const override {
    return "\nUsage: ronderun -np N [options] [--] program [arguments]\n";
  }
};

struct RawOptions {
  std::string rank_count;
  std::string hosts;
  std::string hostfile;
  std::string stop_timeout_s;
  bool dry_run = false;
  bool verbose = false;
};

void AddOptions(CLI::App& app, RawOptions* raw) {
  app.add_option("-n,--np", raw->rank_count, "number of ranks (also: -np N)")
      ->type_name("N")
      ->group("Ranks and hosts");
  app.add_option("-H,--hosts", raw->hosts, "hosts and their slots; a host alone has one slot")
      ->type_name("H1:N1,H2:N2,... [this machine, one slot per core]")
      ->group("Ranks and hosts");
  app.add_option("--hostfile", raw->hostfile,
                 "the same from a file, lines of the form 'host slots=N' or 'host:N'")
      ->type_name("FILE")
      ->group("Ranks and hosts");
  app.add_option("--stop-timeout-s", raw->stop_timeout_s,
                 "seconds that ranks have to save and end after Ctrl-C or SIGTERM; 0 ends them at "
                 "once, as a second Ctrl-C does")
      ->type_name("S [30]")
      ->group("Failures");
  app.add_flag("--dry-run", raw->dry_run, "print the command line, start nothing")->group("Output");
  app.add_flag("--verbose", raw->verbose,
               "print the command line before the start, and keep mpirun's own messages")
      ->group("Output");
}

Result<int> ParseRankCount(const std::string& text) {
  if (text.empty()) return Status::InvalidArgument("say how many ranks to start: -np N");
  int count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc() || end != text.data() + text.size() || count < 1) {
    return Status::InvalidArgument(
        StrCat("-np: '", text, "' is not a number of ranks; expected a whole number from 1 on"));
  }
  return count;
}

Status ParseStopTimeout(const std::string& text, double* seconds) {
  constexpr double kMaxSeconds = 86400;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, *seconds);
  // Not a number compares as false.
  if (error == std::errc() && rest == end && *seconds >= 0 && *seconds <= kMaxSeconds) {
    return Status::Ok();
  }
  return Status::InvalidArgument(StrCat(
      "--stop-timeout-s: '", text, "' is not accepted; expected number from 0 to ", kMaxSeconds));
}

Result<std::vector<HostSlots>> ReadHostfile(const std::string& path) {
  std::ifstream file(path);
  std::error_code ignored;
  if (!file || std::filesystem::is_directory(path, ignored)) {
    return Status::InvalidArgument(
        StrCat("hostfile '", path, "' cannot be read; check the path and its permissions"));
  }
  std::ostringstream text;
  text << file.rdbuf();
  return ParseHostfile(text.str(), path);
}

Result<std::vector<HostSlots>> ReadHosts(const RawOptions& raw, bool hosts_given) {
  if (hosts_given && !raw.hostfile.empty()) {
    return Status::InvalidArgument("--hosts and --hostfile exclude each other; give one of them");
  }
  if (!raw.hostfile.empty()) return ReadHostfile(raw.hostfile);
  if (hosts_given) return ParseHostList(raw.hosts);
  return std::vector<HostSlots>{};
}

// What CLI11 left over is the program and its arguments. They are taken from the end of the
// original command line, so that the rewriting never touches a program's own "-np".
Result<std::vector<std::string>> TakeProgram(std::vector<std::string> rest,
                                             const std::vector<std::string>& arguments) {
  const bool separated = !rest.empty() && rest.front() == "--";
  if (separated) rest.erase(rest.begin());
  if (rest.empty()) {
    return Status::InvalidArgument("no program given; usage: ronderun -np N program [arguments]");
  }
  if (!separated && rest.front().front() == '-') {
    return Status::InvalidArgument(
        StrCat("flag '", rest.front(),
               "' is unknown; see ronderun --help, and put the program's "
               "own flags after its name"));
  }
  return std::vector<std::string>(arguments.end() - static_cast<std::ptrdiff_t>(rest.size()),
                                  arguments.end());
}

Status Complete(const CLI::App& app, const RawOptions& raw,
                const std::vector<std::string>& arguments, LaunchOptions* options) {
  RONDE_ASSIGN_OR_RETURN(options->program, TakeProgram(app.remaining(), arguments));
  RONDE_ASSIGN_OR_RETURN(options->rank_count, ParseRankCount(raw.rank_count));
  RONDE_ASSIGN_OR_RETURN(options->hosts, ReadHosts(raw, app.count("--hosts") > 0));
  if (app.count("--stop-timeout-s") > 0) {
    RONDE_RETURN_IF_ERROR(ParseStopTimeout(raw.stop_timeout_s, &options->stop_timeout_s));
  }
  options->dry_run = raw.dry_run;
  options->verbose = raw.verbose;
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
  RawOptions raw;
  CLI::App app(kDescription, kProgramName);
  app.formatter(std::make_shared<Formatter>());
  SetUpProgram(app);
  app.prefix_command();
  app.footer(kFooter);
  AddOptions(app, &raw);
  AddSettingFlags(app, result.options.settings);

  std::vector<std::string> rewritten = RewriteArguments(arguments);
  std::vector<char*> argv;
  argv.reserve(rewritten.size());
  for (std::string& argument : rewritten) argv.push_back(argument.data());
  result.exit_code = ParseCommandLine(app, static_cast<int>(argv.size()), argv.data());
  if (result.exit_code) return result;

  const Status status = Complete(app, raw, arguments, &result.options);
  if (!status.ok()) result.exit_code = ReportBadInput(kProgramName, status);
  return result;
}

}  // namespace ronde
