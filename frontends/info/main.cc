#include <cstdio>

#include <CLI/CLI.hpp>

#include "core/base/log.h"
#include "core/base/program.h"
#include "frontends/info/report.h"

namespace ronde {
namespace {

int Main(int argc, char** argv) {
  Result<Config> config = Config::FromEnvironment();
  if (!config.ok()) return ReportBadInput("ronde-info", config.status());
  bool json = false;
  CLI::App app("Shows how Ronde was built, this machine's topology, and every setting.",
               "ronde-info");
  SetUpProgram(app);
  app.add_flag("--json", json, "one JSON object in place of text")->group("Output");
  AddSettingFlags(app, config.value());
  if (const std::optional<int> exit_code = ParseCommandLine(app, argc, argv)) return *exit_code;
  SetLogLevel(ParseLogLevel(config.value().GetText(Setting::kLogLevel)).value());
  std::printf("%s\n", (json ? InfoJson(config.value()) : InfoText(config.value())).c_str());
  return 0;
}

}  // namespace
}  // namespace ronde

int main(int argc, char** argv) { return ronde::Main(argc, argv); }
