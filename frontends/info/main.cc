#include <cstdio>

#include <CLI/CLI.hpp>

#include "core/base/log.h"
#include "core/base/program.h"
#include "core/comm/topology_file.h"
#include "frontends/info/explain.h"
#include "frontends/info/report.h"

namespace ronde {
namespace {

constexpr const char* kProgram = "ronde-info";
constexpr int kMostRanks = 128;  // threads of this process

struct Options {
  bool json = false;
  std::vector<std::string> explain;  // collective, size
  ExplainQuestion question;
};

void AddExplainOptions(CLI::App& app, Options& options) {
  const std::string group = "Explain";
  CLI::Option* const explain =
      app.add_option("--explain", options.explain,
                     "which algorithm would run, and why: a collective (allreduce) and its bytes "
                     "per rank (K, M, G)")
          ->expected(2)
          ->type_name("COLLECTIVE SIZE")
          ->group(group);
  ExplainQuestion& question = options.question;
  app.add_option("--ranks", question.ranks, "how many ranks of this host take part")
      ->check(CLI::Range(1, kMostRanks))
      ->capture_default_str()
      ->needs(explain)
      ->group(group);
  app.add_option("--dtype", question.dtype, "element type")
      ->capture_default_str()
      ->needs(explain)
      ->group(group);
  app.add_option("--op", question.op, "reduce operator")
      ->capture_default_str()
      ->needs(explain)
      ->group(group);
  app.add_flag("--registered", question.registered, "buffers lie in registered memory")
      ->needs(explain)
      ->group(group);
}

Result<std::string> Answer(Options& options, const Config& config) {
  if (options.explain.empty()) {
    RONDE_ASSIGN_OR_RETURN(const Topology topology, TopologyFor(config));
    return options.json ? InfoJson(config, topology) : InfoText(config, topology);
  }
  options.question.collective = options.explain[0];
  options.question.size = options.explain[1];
  RONDE_ASSIGN_OR_RETURN(const Explanation explanation, Explain(options.question, config));
  return options.json ? ExplanationJson(explanation) : ExplanationText(explanation);
}

int Main(int argc, char** argv) {
  Result<Config> config = Config::FromEnvironment();
  if (!config.ok()) return ReportBadInput(kProgram, config.status());
  Options options;
  CLI::App app(
      "Shows how Ronde was built, this machine's topology, and every setting; or explains a "
      "choice of algorithm.",
      kProgram);
  SetUpProgram(app);
  app.add_flag("--json", options.json, "one JSON object in place of text")->group("Output");
  AddExplainOptions(app, options);
  AddSettingFlags(app, config.value());
  if (const std::optional<int> exit_code = ParseCommandLine(app, argc, argv)) return *exit_code;
  SetLogLevel(ParseLogLevel(config.value().GetText(Setting::kLogLevel)).value());
  const Result<std::string> answer = Answer(options, config.value());
  if (!answer.ok()) return ReportBadInput(kProgram, answer.status());
  std::printf("%s\n", answer.value().c_str());
  return 0;
}

}  // namespace
}  // namespace ronde

int main(int argc, char** argv) { return ronde::Main(argc, argv); }
