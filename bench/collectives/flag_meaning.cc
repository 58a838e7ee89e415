#include "bench/collectives/flag_meaning.h"

#include <algorithm>
#include <array>
#include <string_view>

#include <CLI/CLI.hpp>

#include "bench/collectives/option_values.h"
#include "core/base/strcat.h"

namespace ronde::bench {
namespace {

constexpr std::string_view kSizes = "a collective";
constexpr std::string_view kNegotiation = "gradients --negotiation";
constexpr std::string_view kCalibration = "--calibrate";

// For which benchmarks a flag means something; the others' settings of Ronde always do.
struct Meaning {
  const char* flag;
  std::array<std::string_view, 5> benchmarks;
};
constexpr Meaning kMeanings[] = {
    {"-b", {kSizes}},
    {"-e", {kSizes}},
    {"-i", {kSizes}},
    {"-f", {kSizes}},
    {"-r", {kSizes}},
    {"--path", {kSizes}},
    {"--buffers", {kSizes}},
    {"--cache", {kSizes}},
    {"--style", {kSizes}},
    {"--consume", {kSizes}},
    {"--bounds", {kSizes}},
    {"-d", {kSizes, kGradients, kNegotiation}},
    {"-o", {kSizes, kGradients, kNegotiation}},
    {"-c", {kSizes, kGradients, kNegotiation}},
    {"--device", {kSizes, kCalibration}},
    {"--peers", {kSizes, kGradients}},
    {"--calibrate", {kCalibration}},
    {"--json", {kSizes, kGradients, kNegotiation, kNegotiate, kIdle}},
    {"-n", {kSizes, kGradients, kNegotiation, kNegotiate}},
    {"-w", {kSizes, kGradients, kNegotiation, kNegotiate}},
    {"--model", {kGradients, kNegotiation}},
    {"--bucket-size-bytes", {kGradients}},
    {"--fusion-thresholds", {kGradients}},
    {"--negotiation", {kGradients, kNegotiation}},
    {"--tensors", {kNegotiate}},
    {"--ranks", {kNegotiate, kSizes, kCalibration}},
    {"--modes", {kNegotiate}},
    {"--order", {kNegotiate}},
    {"--seconds", {kIdle}},
};

bool IsCollective(const std::string& benchmark) { return ParseCollective(benchmark).has_value(); }

bool IsGiven(const CLI::App& app, const char* flag) { return app.get_option(flag)->count() > 0; }

}  // namespace

Status RefuseFlagsWithoutMeaning(const CLI::App& app, const std::string& benchmark) {
  const bool calibration = IsGiven(app, "--calibrate");
  if (calibration && benchmark != Name(Collective::kAllreduce)) {
    return Status::InvalidArgument(
        StrCat("--calibrate: measures allreduce; leave `", benchmark, "` out"));
  }
  const bool negotiation = benchmark == kGradients && IsGiven(app, "--negotiation");
  const std::string_view wanted = calibration               ? kCalibration
                                  : IsCollective(benchmark) ? kSizes
                                  : negotiation             ? kNegotiation
                                                            : std::string_view(benchmark);
  for (const Meaning& meaning : kMeanings) {
    if (!IsGiven(app, meaning.flag)) continue;
    const auto& known = meaning.benchmarks;
    if (std::find(known.begin(), known.end(), wanted) != known.end()) continue;
    const bool has_one_home = wanted == kSizes;
    return Status::InvalidArgument(StrCat(meaning.flag, ": means nothing ",
                                          has_one_home ? "without" : "for", " `",
                                          has_one_home ? known[0] : wanted, "`; leave it out"));
  }
  return Status::Ok();
}

}  // namespace ronde::bench
