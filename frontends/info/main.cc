#include <cstdio>

#include <CLI/CLI.hpp>

#include "core/base/log.h"
#include "core/base/program.h"
#include "core/base/strcat.h"
#include "core/comm/topology_file.h"
#include "frontends/info/explain.h"
#include "frontends/info/merge_timelines.h"
#include "frontends/info/report.h"

namespace ronde {
namespace {

constexpr const char* kProgram = "ronde-info";
constexpr int kMostRanks = 128;  // threads of this process

struct Options {
  bool json = false;
  std::vector<std::string> explain;  // collective, size
  ExplainQuestion question;
  std::vector<std::string> timelines;
  std::string output;
};

void AddExplainOptions(CLI::App& app, Options& options) {
  const std::string group = "Explain";
  CLI::Option* const explain =
      app.add_option("--explain", options.explain,
                     "which algorithm would run, and why: a collective (allreduce, allgather, "
                     "broadcast, reducescatter, alltoall) and the bytes of a rank's larger buffer "
                     "(K, M, G)")
          ->expected(2)
          ->type_name("COLLECTIVE SIZE")
          ->group(group);
  ExplainQuestion& question = options.question;
  app.add_option("--ranks", question.ranks, "how many ranks take part")
      ->check(CLI::Range(1, kMostRanks))
      ->capture_default_str()
      ->needs(explain)
      ->group(group);
  app.add_option("--hosts", question.hosts, "on how many hosts like this one they are")
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

void AddMergeOptions(CLI::App& app, Options& options) {
  const std::string group = "Merge";
  CLI::Option* const merge =
      app.add_option("--merge-timelines", options.timelines,
                     "makes one file of the timelines of several ranks of a job, whose clocks are "
                     "aligned already; one that a crash has cut off is read as far as it goes")
          ->expected(1, kMostRanks * kMostRanks)
          ->type_name("FILE...")
          ->group(group);
  CLI::Option* const output = app.add_option("-o,--output", options.output, "where to write it")
                                  ->type_name("FILE")
                                  ->needs(merge)
                                  ->group(group);
  merge->needs(output);
}

Result<std::string> Merge(const Options& options) {
  RONDE_ASSIGN_OR_RETURN(const MergedTimelines merged,
                         MergeTimelines(options.timelines, options.output));
  for (const std::string& warning : merged.warnings) Log(LogLevel::kWarning, warning);
  return StrCat("wrote '", options.output, "': ", merged.ranks, " ranks, ", merged.events,
                " events; open it in https://ui.perfetto.dev or chrome://tracing");
}

Result<std::string> Answer(Options& options, const Config& config) {
  if (!options.timelines.empty()) return Merge(options);
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
      "choice of algorithm; or merges the timelines of a job's ranks.",
      kProgram);
  SetUpProgram(app);
  app.add_flag("--json", options.json, "one JSON object in place of text")->group("Output");
  AddExplainOptions(app, options);
  AddMergeOptions(app, options);
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
