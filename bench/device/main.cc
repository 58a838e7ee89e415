#include <cstdio>
#include <fstream>
#include <string>

#include "bench/collectives/bench_device.h"
#include "bench/device/kernel_benchmarks.h"
#include "bench/device/kernel_options.h"
#include "bench/device/kernel_report.h"
#include "core/base/program.h"
#include "core/base/strcat.h"

namespace ronde::bench {
namespace {

constexpr char kProgram[] = "ronde-bench-kernels";

class Output {
 public:
  Output(const KernelOptions& options, std::string device_name)
      : options_(options), device_name_(std::move(device_name)), table_(options.json != "-") {}

  Status Open() {
    if (table_) Print(KernelHeading(options_, device_name_));
    if (options_.json.empty() || !table_) return Status::Ok();
    file_.open(options_.json);
    if (file_) return Status::Ok();
    return Status::InvalidArgument(
        StrCat("--json: cannot write '", options_.json, "'; does its folder exist?"));
  }

  void Write(const KernelRow& row) {
    wrong_ += row.wrong;
    const std::string json = KernelJson(options_, device_name_, row);
    Print(table_ ? KernelLine(row) : json);
    if (file_.is_open()) file_ << json << std::endl;
  }

  [[nodiscard]] std::int64_t wrong() const { return wrong_; }

 private:
  static void Print(const std::string& line) {
    std::printf("%s\n", line.c_str());
    std::fflush(stdout);
  }

  const KernelOptions& options_;
  const std::string device_name_;
  const bool table_;
  std::ofstream file_;
  std::int64_t wrong_ = 0;
};

Status Measure(const std::string& kernel, const KernelOptions& options, BenchDevice& device,
               const KernelSink& sink) {
  if (kernel == "pack") return MeasurePack(options, device, sink);
  if (kernel == "reduce") return MeasureReduce(options, device, sink);
  return MeasureOptimizer(options, device, sink);
}

Status Run(const KernelOptions& options) {
  RONDE_ASSIGN_OR_RETURN(const auto device, BenchDevice::Open(options.device, /*local_rank=*/0));
  Output output(options, device->name());
  RONDE_RETURN_IF_ERROR(output.Open());
  for (const std::string& kernel : options.kernels) {
    RONDE_RETURN_IF_ERROR(
        Measure(kernel, options, *device, [&output](const KernelRow& row) { output.Write(row); }));
  }
  if (output.wrong() == 0) return Status::Ok();
  return Status::Internal(StrCat(output.wrong(), " elements are wrong"));
}

int Main(int argc, char** argv) {
  const ParsedKernelOptions parsed = ParseKernelOptions(argc, argv);
  if (parsed.exit_code) return *parsed.exit_code;
  const Status status = Run(parsed.options);
  return status.ok() ? 0 : ReportBadInput(kProgram, status);
}

}  // namespace
}  // namespace ronde::bench

int main(int argc, char** argv) { return ronde::bench::Main(argc, argv); }
