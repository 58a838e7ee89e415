#include <cstdio>
#include <fstream>

#include "bench/collectives/direct_runner.h"
#include "bench/collectives/options.h"
#include "bench/collectives/report.h"
#include "bench/collectives/sweep.h"
#include "core/base/log.h"
#include "core/base/program.h"
#include "core/base/strcat.h"

namespace ronde::bench {
namespace {

// Writes rows where the options say, on rank 0 only.
class Output {
 public:
  Status Open(const BenchOptions& options, int rank, int ranks) {
    if (rank != 0) return Status::Ok();
    json_to_stdout_ = options.json == "-";
    table_ = !json_to_stdout_;
    if (options.json && !json_to_stdout_) {
      file_.open(*options.json);
      if (!file_) {
        return Status::InvalidArgument(
            StrCat("--json: cannot write '", *options.json, "'; does its folder exist?"));
      }
    }
    if (table_) std::printf("%s\n", TableHeading(options, ranks).c_str());
    std::fflush(stdout);
    return Status::Ok();
  }

  void Write(const Row& row) {
    wrong_ += row.wrong[0] + row.wrong[1];
    if (table_) std::printf("%s\n", TableLine(row).c_str());
    if (json_to_stdout_) std::printf("%s\n", JsonLine(row).c_str());
    if (file_.is_open()) file_ << JsonLine(row) << std::endl;
    std::fflush(stdout);
  }

  [[nodiscard]] std::int64_t wrong() const { return wrong_; }

 private:
  bool table_ = false;
  bool json_to_stdout_ = false;
  std::ofstream file_;
  std::int64_t wrong_ = 0;
};

Result<std::int64_t> RunSweep(const BenchOptions& options, const Config& config) {
  RONDE_ASSIGN_OR_RETURN(const auto direct, DirectRunner::Create(config));
  Output output;
  RONDE_RETURN_IF_ERROR(direct->Agree(output.Open(options, direct->rank(), direct->size())));
  RONDE_RETURN_IF_ERROR(
      Sweep(options, config, *direct, [&output](const Row& row) { output.Write(row); }));
  return output.wrong();
}

int Main(int argc, char** argv) {
  Result<Config> config = Config::FromEnvironment();
  if (!config.ok()) return ReportBadInput("ronde-bench", config.status());
  const ParsedOptions parsed = ParseBenchOptions(argc, argv, config.value());
  if (parsed.exit_code) return *parsed.exit_code;
  SetLogLevel(ParseLogLevel(config.value().GetText(Setting::kLogLevel)).value());

  const Result<std::int64_t> wrong = RunSweep(parsed.options, config.value());
  if (!wrong.ok()) return ReportBadInput("ronde-bench", wrong.status());
  if (wrong.value() != 0) {
    return ReportBadInput("ronde-bench",
                          Status::Internal(StrCat(wrong.value(), " elements are wrong")));
  }
  return 0;
}

}  // namespace
}  // namespace ronde::bench

int main(int argc, char** argv) { return ronde::bench::Main(argc, argv); }
