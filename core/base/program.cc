#include "core/base/program.h"

#include <cstdio>
#include <iostream>

#include <CLI/CLI.hpp>

#include "core/base/config_environment.h"
#include "core/base/strcat.h"

#ifndef RONDE_VERSION
#error "RONDE_VERSION comes from CMake"
#endif

namespace ronde {
namespace {

std::string FirstLine(const std::string& text) { return text.substr(0, text.find('\n')); }

}  // namespace

void AddSettingFlags(CLI::App& app, Config& config) {
  for (const SettingSpec& spec : Settings()) {
    CLI::Option* option = app.add_option_function<std::string>(
        std::string(spec.flag),
        [&config, &spec](const std::string& value) {
          const Status status = config.Set(spec.id, value, SettingOrigin::kFlag);
          if (!status.ok()) throw CLI::ParseError(status.message(), 2);
        },
        std::string(spec.help));
    option->group(std::string(spec.group));
    option->type_name(
        StrCat("(", AcceptedValues(spec), ") [", spec.default_value, "; ", spec.environment, "]"));
  }
}

void SetUpProgram(CLI::App& app) {
  app.set_version_flag("--version", StrCat(app.get_name(), " ", VersionString()));
  app.get_formatter()->column_width(34);
  app.option_defaults()->always_capture_default();
}

std::optional<int> ParseCommandLine(CLI::App& app, int argc, char** argv) {
  const bool prints = ReadLaunchEnvironment().rank == 0;
  try {
    app.parse(argc, argv);
    return std::nullopt;
  } catch (const CLI::Success& request) {
    if (prints) app.exit(request);
    return 0;
  } catch (const CLI::ExtrasError& error) {
    return ReportBadInput(
        app.get_name(), Status::InvalidArgument(
                            StrCat(FirstLine(error.what()), "; see ", app.get_name(), " --help")));
  } catch (const CLI::ArgumentMismatch& error) {
    // CLI11's own text repeats the flag's whole help; its name, which comes first, says enough.
    const std::string text = error.what();
    return ReportBadInput(
        app.get_name(),
        Status::InvalidArgument(StrCat(text.substr(0, text.find(':')), ": expected one value; see ",
                                       app.get_name(), " --help")));
  } catch (const CLI::ParseError& error) {
    return ReportBadInput(app.get_name(), Status::InvalidArgument(FirstLine(error.what())));
  }
}

int ReportBadInput(const std::string& program, const Status& status) {
  if (ReadLaunchEnvironment().rank == 0) {
    std::fprintf(stderr, "%s: %s\n", program.c_str(), status.message().c_str());
  }
  return ExitCodeFor(status);
}

std::string VersionString() { return RONDE_VERSION; }

}  // namespace ronde
