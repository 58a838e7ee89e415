#include <cstdio>
#include <fstream>

#include "bench/collectives/calibrate.h"
#include "bench/collectives/direct_runner.h"
#include "bench/collectives/gradient_benchmark.h"
#include "bench/collectives/gradient_report.h"
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
  explicit Output(const BenchOptions& options) : options_(options) {}

  Status Open(int rank, int ranks) {
    if (rank != 0) return Status::Ok();
    json_to_stdout_ = options_.json == "-";
    table_ = !json_to_stdout_;
    if (options_.json && !json_to_stdout_) {
      file_.open(*options_.json);
      if (!file_) {
        return Status::InvalidArgument(
            StrCat("--json: cannot write '", *options_.json, "'; does its folder exist?"));
      }
    }
    if (table_ && !options_.gradients) Print(TableHeading(options_, ranks));
    return Status::Ok();
  }

  void Write(const Row& row) {
    footer_.Add(row);
    if (table_) Print(TableLine(options_, row));
    WriteJson(JsonLine(row));
  }

  void Write(const GradientTable& table) {
    wrong_gradients_ += WrongOfRonde(table);
    if (table_) Print(GradientText(table, options_));
    for (const std::string& line : GradientJson(table)) WriteJson(line);
  }

  void Close() {
    if (table_ && !options_.gradients) Print(footer_.Text());
  }

  [[nodiscard]] std::int64_t wrong() const { return footer_.wrong() + wrong_gradients_; }

 private:
  void WriteJson(const std::string& line) {
    if (json_to_stdout_) Print(line);
    if (file_.is_open()) file_ << line << std::endl;
  }

  static void Print(const std::string& line) {
    std::printf("%s\n", line.c_str());
    std::fflush(stdout);
  }

  const BenchOptions& options_;
  bool table_ = false;
  bool json_to_stdout_ = false;
  std::ofstream file_;
  Footer footer_;
  std::int64_t wrong_gradients_ = 0;
};

Result<std::int64_t> RunSweep(const BenchOptions& options, const Config& config) {
  RONDE_ASSIGN_OR_RETURN(const auto direct, DirectRunner::Create(config));
  if (options.calibrate) {
    RONDE_RETURN_IF_ERROR(Calibrate(*direct, config, *options.calibrate));
    return 0;
  }
  Output output(options);
  RONDE_RETURN_IF_ERROR(direct->Agree(output.Open(direct->rank(), direct->size())));
  const auto write = [&output](const auto& result) { output.Write(result); };
  RONDE_RETURN_IF_ERROR(options.gradients
                            ? MeasureGradients(options, config, *direct, &Session::Create, write)
                            : Sweep(options, config, *direct, write));
  output.Close();
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
