#include <algorithm>
#include <atomic>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <system_error>
#include <utility>

#include "bench/collectives/bench_device.h"
#include "bench/collectives/calibrate.h"
#include "bench/collectives/calibrate_device.h"
#include "bench/collectives/direct_runner.h"
#include "bench/collectives/gradient_benchmark.h"
#include "bench/collectives/gradient_negotiation.h"
#include "bench/collectives/gradient_negotiation_report.h"
#include "bench/collectives/gradient_report.h"
#include "bench/collectives/options.h"
#include "bench/collectives/report.h"
#include "bench/collectives/sweep.h"
#include "bench/collectives/thread_ranks.h"
#include "bench/engine/idle_benchmark.h"
#include "bench/engine/negotiate_benchmark.h"
#include "bench/engine/negotiate_report.h"
#include "core/base/log.h"
#include "core/base/program.h"
#include "core/base/strcat.h"
#include "core/comm/transport_table.h"

namespace ronde::bench {
namespace {

// Writes rows where the options say, on rank 0 only. Nothing appears before the first result: what
// is wrong with options may show only then, and must not cost an earlier result of the same name.
class Output {
 public:
  explicit Output(const BenchOptions& options) : options_(options) {}

  Status Open(int rank, int ranks) {
    if (rank != 0) return Status::Ok();
    json_to_stdout_ = options_.json == "-";
    table_ = !json_to_stdout_;
    if (options_.json && !json_to_stdout_) {
      file_.open(*options_.json, std::ios::app);
      if (!file_) {
        return Status::InvalidArgument(
            StrCat("--json: cannot write '", *options_.json, "'; does its folder exist?"));
      }
    }
    ranks_ = ranks;
    return Status::Ok();
  }

  void Write(const Row& row) {
    Begin();
    footer_.Add(row);
    if (table_) Print(TableLine(options_, row));
    WriteJson(JsonLine(row));
  }

  void Write(const GradientTable& table) {
    Begin();
    wrong_gradients_ += WrongOfRonde(table);
    if (table_) Print(GradientText(table, options_));
    for (const std::string& line : GradientJson(table)) WriteJson(line);
  }

  void Write(const NegotiationTable& table) {
    Begin();
    wrong_gradients_ += WrongElements(table);
    if (table_) Print(NegotiationText(table, options_));
    for (const std::string& line : NegotiationJson(table)) WriteJson(line);
  }

  void Write(const NegotiateRow& row) {
    Begin();
    most_ranks_ = std::max(most_ranks_, row.ranks);
    if (table_) Print(NegotiateLine(row));
    for (const std::string& line : NegotiateJson(row)) WriteJson(line);
  }

  void Write(const IdleRow& row) {
    Begin();
    if (table_) Print(IdleLine(row));
    WriteJson(IdleJson(row));
  }

  void Close() {
    if (!table_ || options_.gradients || options_.idle) return;
    Print(options_.negotiate ? NegotiateFootnote(most_ranks_) : footer_.Text());
  }

  [[nodiscard]] std::int64_t wrong() const { return footer_.wrong() + wrong_gradients_; }

 private:
  void Begin() {
    if (std::exchange(begun_, true)) return;
    if (file_.is_open()) {
      std::error_code not_a_file;  // but a pipe, say, in which nothing lies
      std::filesystem::resize_file(*options_.json, 0, not_a_file);
    }
    if (!table_ || options_.gradients) return;
    if (options_.negotiate) {
      Print(NegotiateHeading(*options_.negotiate, ranks_));
    } else if (options_.idle) {
      Print(IdleHeading(*options_.idle, ranks_));
    } else {
      Print(TableHeading(options_, ranks_));
    }
  }

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
  bool begun_ = false;
  int ranks_ = 1;
  std::ofstream file_;
  Footer footer_;
  std::int64_t wrong_gradients_ = 0;
  int most_ranks_ = 1;
};

Status Negotiate(const NegotiateOptions& options, const Config& config, DirectRunner& direct,
                 const NegotiateSink& write) {
  if (direct.size() == 1) return NegotiateInProcess(options, config, write);
  if (options.ranks_given) {
    return Status::InvalidArgument(StrCat("--ranks: ronderun has started ", direct.size(),
                                          " ranks, which are measured; leave it out"));
  }
  return NegotiateLaunched(options, config, direct, &CreateLaunchedWorld, write);
}

template <typename Write>
Status Measure(const BenchOptions& options, const Config& config, DirectRunner& direct,
               const SweepParts& parts, const Write& write) {
  if (options.negotiate) return Negotiate(*options.negotiate, config, direct, write);
  if (options.idle) return MeasureIdle(*options.idle, config, direct, &Session::Create, write);
  if (!options.gradients) return Sweep(options, config, direct, parts, write);
  return options.gradients->negotiation
             ? MeasureNegotiation(options, config, direct, &Session::Create, write)
             : MeasureGradients(options, config, direct, &Session::Create, write);
}

// Collective: the device of this rank, where the options ask for one.
Result<std::unique_ptr<BenchDevice>> OpenDevice(const BenchOptions& options, DirectRunner& direct) {
  std::unique_ptr<BenchDevice> device;
  if (options.device == DeviceChoice::kCpu) return device;
  auto opened = BenchDevice::Open(options.device, direct.context().communicator().local().rank());
  RONDE_RETURN_IF_ERROR(direct.Agree(opened.status()));
  return opened;
}

// One rank's part. Yields the number of wrong elements.
Result<std::int64_t> RunRank(const BenchOptions& options, const Config& config,
                             DirectRunner& direct, const SessionMaker& make_session) {
  RONDE_ASSIGN_OR_RETURN(const auto device, OpenDevice(options, direct));
  if (options.calibrate) {
    RONDE_RETURN_IF_ERROR(device == nullptr
                              ? Calibrate(direct, config, *options.calibrate)
                              : CalibrateDevice(direct, *device, config, *options.calibrate));
    return 0;
  }
  Output output(options);
  RONDE_RETURN_IF_ERROR(direct.Agree(output.Open(direct.rank(), direct.size())));
  const auto write = [&output](const auto& result) { output.Write(result); };
  RONDE_RETURN_IF_ERROR(Measure(options, config, direct, {device.get(), make_session}, write));
  output.Close();
  return output.wrong();
}

Result<std::int64_t> RunBenchmark(const BenchOptions& options, const Config& config) {
  RONDE_ASSIGN_OR_RETURN(const auto direct, DirectRunner::Create(config));
  if (options.thread_ranks == 0) return RunRank(options, config, *direct, &Session::Create);
  if (direct->size() > 1) {
    return Status::InvalidArgument(StrCat("--ranks: ronderun has started ", direct->size(),
                                          " ranks, which are measured; leave it out"));
  }
  std::atomic<std::int64_t> wrong = 0;
  RONDE_RETURN_IF_ERROR(
      RunAsThreads(options.thread_ranks, config,
                   [&](DirectRunner& rank, const SessionMaker& make_session) -> Status {
                     RONDE_ASSIGN_OR_RETURN(const std::int64_t mine,
                                            RunRank(options, config, rank, make_session));
                     if (rank.rank() == 0) wrong = mine;  // all ranks have the same sum
                     return Status::Ok();
                   }));
  return wrong.load();
}

int Main(int argc, char** argv) {
  Result<Config> config = Config::FromEnvironment();
  if (!config.ok()) return ReportBadInput("ronde-bench", config.status());
  const ParsedOptions parsed = ParseBenchOptions(argc, argv, config.value());
  if (parsed.exit_code) return *parsed.exit_code;
  SetLogLevel(ParseLogLevel(config.value().GetText(Setting::kLogLevel)).value());

  const Result<std::int64_t> wrong = RunBenchmark(parsed.options, config.value());
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
