#include "bench/device/kernel_options.h"

#include <algorithm>
#include <array>
#include <sstream>
#include <string>

#include <CLI/CLI.hpp>

#include "core/base/config.h"
#include "core/base/program.h"
#include "core/base/strcat.h"

namespace ronde::bench {
namespace {

constexpr const char* kProgram = "ronde-bench-kernels";
constexpr std::array<std::string_view, 3> kKernels = {"pack", "reduce", "optimizer"};
// Sizes that a simulated device has done with in a moment.
constexpr std::int64_t kSimulatedBytes = 1 << 20;
constexpr std::int64_t kSimulatedElements = 1 << 18;
constexpr int kMostRounds = 1000;

Status ReadKernels(const std::string& text, std::vector<std::string>& kernels) {
  std::istringstream stream(text);
  for (std::string name; std::getline(stream, name, ',');) {
    if (std::find(kKernels.begin(), kKernels.end(), name) == kKernels.end()) {
      return Status::InvalidArgument(
          StrCat("--only: '", name, "' is unknown; use pack, reduce or optimizer"));
    }
    kernels.push_back(name);
  }
  return Status::Ok();
}

Status ReadSize(const char* flag, const std::string& text, std::int64_t& bytes) {
  if (text.empty()) return Status::Ok();
  const Result<std::int64_t> parsed = ParseBytes(text);
  if (!parsed.ok()) return Status::InvalidArgument(StrCat(flag, ": ", parsed.status().message()));
  bytes = parsed.value();
  if (bytes >= 64) return Status::Ok();
  return Status::InvalidArgument(StrCat(flag, " ", text, ": expected at least 64"));
}

}  // namespace

ParsedKernelOptions ParseKernelOptions(int argc, char** argv) {
  ParsedKernelOptions parsed;
  KernelOptions& options = parsed.options;
  std::string device = "cuda";
  std::string only = "pack,reduce,optimizer";
  std::string size;
  std::string elements;
  bool unchecked = false;
  CLI::App app("Times the kernels of one device beside what its memory can do.", kProgram);
  SetUpProgram(app);
  app.footer("\nExit code: 0, or 1 when elements are wrong, 2 for bad input.");
  app.add_option("--device", device, "a GPU, or a simulated device: slow, for correctness only")
      ->check(CLI::IsMember({"cuda", "simulated"}));
  app.add_option("--only", only, "pack, reduce, optimizer, comma-separated")->type_name("KERNELS");
  app.add_option("--model", options.model,
                 "whose gradients are packed: a name, equal tensors as in 64x256K, or a file; see "
                 "ronde-bench gradients");
  app.add_option("--size", size, "bytes of each input of a reduction; a simulated device's are 1M")
      ->type_name("SIZE [64M]");
  app.add_option("--elements", elements,
                 "parameters that the optimizer updates; a simulated device's are 256K")
      ->type_name("COUNT [25557032]");
  app.add_option("--rounds", options.rounds, "in which kernels take turns")
      ->check(CLI::Range(1, kMostRounds));
  app.add_option("--batch-us", options.batch_us, "of launches that are waited for together")
      ->check(CLI::Range(1.0, 1e6));
  app.add_flag("--no-check", unchecked, "results are not compared with the host's");
  app.add_option("--json", options.json,
                 "JSON Lines to FILE beside the table, or with - in its place")
      ->type_name("FILE");
  parsed.exit_code = ParseCommandLine(app, argc, argv);
  if (parsed.exit_code) return parsed;
  options.device = ParseDeviceChoice(device).value_or(DeviceChoice::kCuda);
  options.check = !unchecked;
  if (options.device == DeviceChoice::kSimulated) {
    options.size_bytes = kSimulatedBytes;
    options.elements = kSimulatedElements;
  }
  Status status = ReadKernels(only, options.kernels);
  if (status.ok()) status = ReadSize("--size", size, options.size_bytes);
  if (status.ok()) status = ReadSize("--elements", elements, options.elements);
  if (!status.ok()) parsed.exit_code = ReportBadInput(kProgram, status);
  return parsed;
}

}  // namespace ronde::bench
