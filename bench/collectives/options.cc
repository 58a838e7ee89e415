#include "bench/collectives/options.h"

#include <CLI/CLI.hpp>

#include "bench/collectives/flag_meaning.h"
#include "bench/collectives/option_values.h"
#include "core/base/program.h"
#include "core/base/strcat.h"

namespace ronde::bench {
namespace {

constexpr const char* kProgram = "ronde-bench";

// Nothing to compute with; the limit only keeps numbers inside int.
constexpr int kMostCalls = 1000000;

void AddSizes(CLI::App& app, RawOptions& raw) {
  const std::string group = "Sizes (bytes per rank; K, M, G)";
  app.add_option("-b,--minbytes", raw.min_bytes, "smallest size")->type_name("SIZE")->group(group);
  app.add_option("-e,--maxbytes", raw.max_bytes, "largest size")->type_name("SIZE")->group(group);
  app.add_option("-i,--stepbytes", raw.step_bytes, "from one size to the next, in place of -f")
      ->type_name("SIZE")
      ->group(group);
  app.add_option("-f,--stepfactor", raw.step_factor, "factor from one size to the next")
      ->type_name("INT [4]")
      ->check(CLI::Range(2, 1 << 20))
      ->group(group);
}

void AddWhatIsCalled(CLI::App& app, RawOptions& raw) {
  const std::string group = "What is called";
  app.add_option("-d,--datatype", raw.dtypes,
                 "half|bfloat16|float|double|int32|int64|uint8|all, comma-separated")
      ->type_name("TYPES")
      ->group(group);
  app.add_option("-o,--op", raw.ops,
                 "of allreduce and reducescatter: sum|avg|min|max|prod, all of these, or adasum "
                 "(allreduce); comma-separated")
      ->type_name("OPS [sum]")
      ->group(group);
  app.add_option("-r,--root", raw.root, "of broadcast")
      ->type_name("RANK [0]")
      ->check(CLI::Range(0, 1 << 20))
      ->group(group);
  app.add_option("--path", raw.path,
                 "direct: the algorithm bare; engine: by name through a session")
      ->check(CLI::IsMember({"direct", "engine"}))
      ->group(group);
  app.add_option("--buffers", raw.buffers,
                 "Ronde's: ordinary memory, or memory that all ranks of a host have mapped; peers "
                 "always run in ordinary memory")
      ->check(CLI::IsMember({"private", "registered"}))
      ->group(group);
  app.add_option(
         "--device", raw.device,
         "where buffers lie: host memory, a GPU's (ranks of a host share them out in turn), "
         "or that of a simulated device, which is slow and there for tests")
      ->check(CLI::IsMember({"cpu", "cuda", "simulated"}))
      ->group(group);
  app.add_option("--peers", raw.peers,
                 "libraries timed in turn with Ronde, comma-separated: mpi, gloo; on a GPU nccl")
      ->type_name("NAMES")
      ->group(group);
}

void AddGradients(CLI::App& app, RawOptions& raw) {
  const std::string group = "Of gradients: a whole training step";
  app.add_option(
         "--model", raw.model,
         "resnet18|34|50|101|152, equal tensors as in 64x256K (elements), or a file with the "
         "number of elements of each tensor")
      ->type_name("NAME|NxM|FILE")
      ->group(group);
  app.add_option("--bucket-size-bytes", raw.bucket_size_bytes,
                 "neighbours are one bucket, which is closed as soon as it has this many")
      ->type_name("SIZE")
      ->group(group);
  app.add_option("--fusion-thresholds", raw.fusion_thresholds,
                 "compares several --fusion-threshold-bytes in one run, comma-separated")
      ->type_name("SIZES")
      ->group(group);
  app.add_flag("--negotiation", raw.negotiation,
               "instead: what the engine adds to the bare collectives, uncached, cached and locked")
      ->group(group);
}

void AddEngineBenchmarks(CLI::App& app, RawOptions& raw) {
  const std::string negotiate = "Of negotiate: cycles of an engine that moves no data";
  app.add_option("--tensors", raw.tensors, "submitted at once, comma-separated numbers")
      ->type_name("NUMBERS")
      ->group(negotiate);
  app.add_option(
         "--ranks", raw.ranks,
         "as threads of this process, where ronderun has not started any; of a collective on "
         "a --device one number")
      ->type_name("NUMBERS [2,4,8,16,32,64]")
      ->group(negotiate);
  app.add_option("--modes", raw.modes, "uncached, cached (no lock) and locked, comma-separated")
      ->type_name("MODES")
      ->group(negotiate);
  app.add_option("--order", raw.order,
                 "of the same names: one on all ranks, one of each rank, a new one every cycle")
      ->check(CLI::IsMember({"same", "by-rank", "random"}))
      ->group(negotiate);
  constexpr double kLongestIdleS = 3600;
  app.add_option("--seconds", raw.idle_seconds, "of each situation")
      ->check(CLI::Range(0.01, kLongestIdleS))
      ->group("Of idle: what waiting costs");
}

void AddMeasurement(CLI::App& app, RawOptions& raw, BenchOptions& options) {
  const std::string group = "Measurement";
  app.add_option("-n,--iters,--iterations", options.iterations,
                 "timed samples; without an engine a sample is ten calls below 16 KiB")
      ->check(CLI::Range(1, kMostCalls))
      ->group(group);
  app.add_option("-w,--warmup_iters", options.warmup_iterations, "calls before timing")
      ->check(CLI::Range(0, kMostCalls))
      ->group(group);
  app.add_option("-c,--check", raw.check_calls,
                 "calls whose result is compared with a serial reference; 0: none")
      ->check(CLI::Range(0, kMostCalls))
      ->group(group);
  app.add_option("--cache", raw.cache,
                 "cold: the buffers are evicted from the caches before each call, untimed")
      ->check(CLI::IsMember({"warm", "cold"}))
      ->group(group);
  app.add_flag("--consume", options.rules.consume,
               "each rank reads its whole result, timed; peers' ranks too")
      ->group(group);
  app.add_flag("--bounds", options.bounds,
               "beside each allreduce: how fast memory of this kind and size can be copied, "
               "changed in place and read by all ranks at once, and the share of it reached")
      ->group(group);
}

void AddOutput(CLI::App& app, RawOptions& raw) {
  const std::string group = "Output";
  app.add_option("--style", raw.style, "of the table: as nccl-tests or as the OSU benchmarks")
      ->check(CLI::IsMember({"nccl", "osu"}))
      ->group(group);
  app.add_option("--json", raw.json,
                 "JSON Lines: on stdout in place of the table, or to FILE beside it")
      ->type_name("[FILE]")
      ->group(group);
  app.add_option("--calibrate", raw.calibrate,
                 "instead of a table: measure thresholds and costs on this machine with these "
                 "ranks, some 20 s, and write a file for --tuning-file")
      ->type_name("[FILE] [ronde_tuning.json]")
      ->group(group);
}

// CLI11 drops an option whose optional value is missing, so a bare --json or --calibrate gets its
// value here.
std::vector<char*> WithFileTargets(int argc, char** argv) {
  static char standard_output[] = "-";
  static char tuning_file[] = "ronde_tuning.json";
  std::vector<char*> arguments;
  for (int i = 0; i < argc; ++i) {
    arguments.push_back(argv[i]);
    const bool json = std::string_view(argv[i]) == "--json";
    if (!json && std::string_view(argv[i]) != "--calibrate") continue;
    const bool bare = i + 1 == argc || (argv[i + 1][0] == '-' && argv[i + 1][1] != '\0');
    if (bare) arguments.push_back(json ? standard_output : tuning_file);
  }
  return arguments;
}

}  // namespace

ParsedOptions ParseBenchOptions(int argc, char** argv, Config& config) {
  ParsedOptions parsed;
  RawOptions raw;
  CLI::App app("Times collectives between the ranks that ronderun started.", kProgram);
  SetUpProgram(app);
  app.footer(
      "\nExit code: 0, or 1 when elements are wrong, 2 for bad input.\n"
      "Examples: ronderun -np 2 ronde-bench allreduce -b 4 -e 256M --peers mpi,gloo\n"
      "          ronderun -np 2 ronde-bench gradients --model resnet50 --peers mpi\n"
      "          ronde-bench negotiate --ranks 2,8,64 --tensors 161\n"
      "          ronderun -np 2 ronde-bench idle --seconds 10");
  std::set<std::string> names(CollectiveNames().begin(), CollectiveNames().end());
  names.insert({kGradients, kNegotiate, kIdle});
  app.add_option("collective", raw.collective, "what to time")->check(CLI::IsMember(names));
  AddSizes(app, raw);
  AddWhatIsCalled(app, raw);
  AddGradients(app, raw);
  AddEngineBenchmarks(app, raw);
  AddMeasurement(app, raw, parsed.options);
  AddOutput(app, raw);
  AddSettingFlags(app, config);

  std::vector<char*> arguments = WithFileTargets(argc, argv);
  parsed.exit_code = ParseCommandLine(app, static_cast<int>(arguments.size()), arguments.data());
  if (parsed.exit_code) return parsed;
  Status status = RefuseFlagsWithoutMeaning(app, raw.collective);
  if (status.ok()) status = Interpret(raw, parsed.options);
  if (!status.ok()) parsed.exit_code = ReportBadInput(kProgram, status);
  return parsed;
}

std::vector<std::int64_t> SizesOf(const BenchOptions& options) {
  std::vector<std::int64_t> sizes;
  const std::int64_t most = options.max_bytes;
  for (std::int64_t size = options.min_bytes; size <= most;) {
    sizes.push_back(size);
    // The next one must not pass what 64 bits hold.
    if (options.step_bytes > 0 ? size > most - options.step_bytes
                               : size > most / options.step_factor) {
      break;
    }
    size = options.step_bytes > 0 ? size + options.step_bytes : size * options.step_factor;
  }
  return sizes;
}

}  // namespace ronde::bench
