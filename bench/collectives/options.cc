#include "bench/collectives/options.h"

#include <array>
#include <sstream>

#include <CLI/CLI.hpp>

#include "bench/collectives/peers/peer_table.h"
#include "core/base/program.h"
#include "core/base/strcat.h"

namespace ronde::bench {
namespace {

constexpr const char* kProgram = "ronde-bench";
constexpr std::array kCollectives = {"allreduce"};

// The command line as text, before it is given meaning.
struct RawOptions {
  std::string min_bytes = "4";
  std::string max_bytes = "64M";
  std::string dtypes = "float";
  std::string ops = "sum";
  std::string check = "1";
  std::string path = "direct";
  std::string buffers = "private";
  std::string peers;
  std::string json;
};

std::vector<std::string> SplitCommas(const std::string& text) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, ',');) parts.push_back(part);
  return parts;
}

Status ParseSizes(const RawOptions& raw, BenchOptions& options) {
  for (const auto& [flag, text, bytes] : {std::tuple{"-b", &raw.min_bytes, &options.min_bytes},
                                          {"-e", &raw.max_bytes, &options.max_bytes}}) {
    Result<std::int64_t> parsed = ParseBytes(*text);
    if (!parsed.ok()) return Status::InvalidArgument(StrCat(flag, ": ", parsed.status().message()));
    *bytes = parsed.value();
  }
  if (options.min_bytes < 1 || options.min_bytes > options.max_bytes) {
    return Status::InvalidArgument(
        StrCat("-b ", raw.min_bytes, ": expected at least 1 and at most -e (", raw.max_bytes, ")"));
  }
  return Status::Ok();
}

Status ParseTypes(const RawOptions& raw, BenchOptions& options) {
  for (const std::string& name : SplitCommas(raw.dtypes)) {
    if (name == "all") {
      for (int i = 0; i < kDataTypeCount; ++i) options.dtypes.push_back(static_cast<DataType>(i));
      continue;
    }
    const std::optional<DataType> dtype = ParseDataType(name);
    if (!dtype) {
      return Status::InvalidArgument(
          StrCat("-d: data type '", name,
                 "' is unknown; use half, bfloat16, float, double, int32, int64, uint8 or all"));
    }
    options.dtypes.push_back(*dtype);
  }
  for (const std::string& name : SplitCommas(raw.ops)) {
    if (name == "all") {
      for (int i = 0; i < kReduceOpCount; ++i) options.ops.push_back(static_cast<ReduceOp>(i));
      continue;
    }
    const std::optional<ReduceOp> op = ParseReduceOp(name);
    if (!op) {
      return Status::InvalidArgument(
          StrCat("-o: operator '", name, "' is unknown; use sum, avg, min, max, prod or all"));
    }
    options.ops.push_back(*op);
  }
  return Status::Ok();
}

Status ParsePeers(const RawOptions& raw, BenchOptions& options) {
  options.peers = SplitCommas(raw.peers);
  for (const std::string& name : options.peers) {
    std::string known;
    bool found = false;
    for (const PeerEntry& peer : Peers()) {
      known += StrCat(known.empty() ? "" : ", ", peer.name);
      found |= peer.name == name;
    }
    if (!found) {
      return Status::InvalidArgument(StrCat(
          "--peers: '", name, "' is not in this build; it has: ", known.empty() ? "none" : known));
    }
  }
  return Status::Ok();
}

Status ParseJson(const RawOptions& raw, bool given, BenchOptions& options) {
  if (!given) return Status::Ok();
  options.json = raw.json;
  for (const char* collective : kCollectives) {
    if (*options.json == collective) {
      return Status::InvalidArgument(StrCat("--json: '", collective,
                                            "' is a collective, not a file; write `ronde-bench ",
                                            collective, " --json`"));
    }
  }
  return Status::Ok();
}

Status Interpret(const RawOptions& raw, bool json_given, BenchOptions& options) {
  RONDE_RETURN_IF_ERROR(ParseSizes(raw, options));
  RONDE_RETURN_IF_ERROR(ParseTypes(raw, options));
  RONDE_RETURN_IF_ERROR(ParsePeers(raw, options));
  RONDE_RETURN_IF_ERROR(ParseJson(raw, json_given, options));
  options.check = raw.check != "0";
  options.engine_path = raw.path == "engine";
  options.registered_buffers = raw.buffers == "registered";
  if (options.registered_buffers && options.engine_path) {
    return Status::InvalidArgument(
        "--buffers registered: an engine has registered memory of its own; use --path direct");
  }
  return Status::Ok();
}

// CLI11 drops an option whose optional value is missing, so a bare --json gets its value here.
std::vector<char*> WithJsonTarget(int argc, char** argv) {
  static char standard_output[] = "-";
  std::vector<char*> arguments(argv, argv + argc);
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    if (std::string_view(arguments[i]) != "--json") continue;
    const bool bare =
        i + 1 == arguments.size() || (arguments[i + 1][0] == '-' && arguments[i + 1][1]);
    if (bare)
      arguments.insert(arguments.begin() + static_cast<std::ptrdiff_t>(i) + 1, standard_output);
    break;
  }
  return arguments;
}

}  // namespace

ParsedOptions ParseBenchOptions(int argc, char** argv, Config& config) {
  ParsedOptions parsed;
  BenchOptions& options = parsed.options;
  RawOptions raw;
  CLI::App app("Times collectives between the ranks that ronderun started.", kProgram);
  SetUpProgram(app);
  const std::set<std::string> collectives(kCollectives.begin(), kCollectives.end());
  app.add_option("collective", options.collective, "what to time")
      ->check(CLI::IsMember(collectives));
  const std::string sizes = "Sizes (bytes per rank; K, M, G)";
  app.add_option("-b,--minbytes", raw.min_bytes, "smallest size")->group(sizes);
  app.add_option("-e,--maxbytes", raw.max_bytes, "largest size")->group(sizes);
  app.add_option("-f,--stepfactor", options.step_factor, "factor between sizes")
      ->check(CLI::Range(2, 1 << 20))
      ->group(sizes);
  const std::string measurement = "Measurement";
  app.add_option("-n,--iters", options.iterations,
                 "timed samples; below 16 KiB a sample is ten calls")
      ->check(CLI::Range(1, 1000000))
      ->group(measurement);
  app.add_option("-w,--warmup_iters", options.warmup_iterations, "calls before timing")
      ->check(CLI::Range(0, 1000000))
      ->group(measurement);
  app.add_option("-d,--datatype", raw.dtypes,
                 "half|bfloat16|float|double|int32|int64|uint8|all, comma-separated")
      ->group(measurement);
  app.add_option("-o,--op", raw.ops, "sum|avg|min|max|prod|all, comma-separated")
      ->group(measurement);
  app.add_option("-c,--check", raw.check, "compare results with a serial reference")
      ->check(CLI::IsMember({"0", "1"}))
      ->group(measurement);
  app.add_option("--path", raw.path, "the algorithm bare, or by name through the engine")
      ->check(CLI::IsMember({"direct", "engine"}))
      ->group(measurement);
  app.add_option(
         "--buffers", raw.buffers,
         "ordinary memory, or memory that all ranks of a host have mapped (Ronde's; peers always "
         "run in ordinary memory)")
      ->check(CLI::IsMember({"private", "registered"}))
      ->group(measurement);
  app.add_option("--peers", raw.peers, "libraries timed in turn with Ronde, comma-separated: mpi")
      ->group(measurement);
  CLI::Option* json =
      app.add_option("--json", raw.json,
                     "JSON Lines: on stdout in place of the table, or to FILE beside it")
          ->type_name("[FILE]")
          ->group("Output");
  AddSettingFlags(app, config);

  std::vector<char*> arguments = WithJsonTarget(argc, argv);
  parsed.exit_code = ParseCommandLine(app, static_cast<int>(arguments.size()), arguments.data());
  if (parsed.exit_code) return parsed;
  const Status status = Interpret(raw, json->count() > 0, options);
  if (!status.ok()) parsed.exit_code = ReportBadInput(kProgram, status);
  return parsed;
}

std::vector<std::int64_t> SizesOf(const BenchOptions& options) {
  std::vector<std::int64_t> sizes;
  for (std::int64_t size = options.min_bytes; size <= options.max_bytes;
       size *= options.step_factor) {
    sizes.push_back(size);
    if (size > options.max_bytes / options.step_factor) break;  // the next would pass int64 or max
  }
  return sizes;
}

}  // namespace ronde::bench
