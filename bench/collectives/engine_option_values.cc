#include <charconv>
#include <sstream>

#include "bench/collectives/option_values.h"
#include "core/base/strcat.h"

namespace ronde::bench {
namespace {

std::vector<std::string> SplitCommas(const std::string& text) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, ',');) parts.push_back(part);
  return parts;
}

Status ParseNumbers(const char* flag, const std::string& text, int least, int most,
                    std::vector<int>& numbers) {
  numbers.clear();
  for (const std::string& part : SplitCommas(text)) {
    int& number = numbers.emplace_back();
    const char* const end = part.data() + part.size();
    const auto parsed = std::from_chars(part.data(), end, number);
    if (parsed.ec == std::errc() && parsed.ptr == end && number >= least && number <= most) {
      continue;
    }
    return Status::InvalidArgument(StrCat(flag, " ", text, ": expected numbers from ", least,
                                          " to ", most, ", comma-separated, got '", part, "'"));
  }
  if (!numbers.empty()) return Status::Ok();
  return Status::InvalidArgument(StrCat(flag, ": expected at least one number"));
}

Status ParseModes(const std::string& text, std::vector<ControlMode>& modes) {
  modes.clear();
  for (const std::string& name : SplitCommas(text)) {
    const std::optional<ControlMode> mode = ParseControlMode(name);
    if (!mode) {
      return Status::InvalidArgument(
          StrCat("--modes: '", name, "' is unknown; use uncached, cached or locked"));
    }
    modes.push_back(*mode);
  }
  if (!modes.empty()) return Status::Ok();
  return Status::InvalidArgument("--modes: expected uncached, cached or locked");
}

}  // namespace

Status InterpretEngineBenchmark(const RawOptions& raw, BenchOptions& options) {
  if (raw.collective == kIdle) options.idle.emplace().seconds = raw.idle_seconds;
  if (raw.collective != kNegotiate) return Status::Ok();
  constexpr int kMostTensors = 100000;
  constexpr int kMostThreads = 256;
  NegotiateOptions& negotiate = options.negotiate.emplace();
  RONDE_RETURN_IF_ERROR(ParseNumbers("--tensors", raw.tensors, 1, kMostTensors, negotiate.tensors));
  if (raw.ranks) {
    negotiate.ranks_given = true;
    RONDE_RETURN_IF_ERROR(ParseNumbers("--ranks", *raw.ranks, 1, kMostThreads, negotiate.ranks));
  }
  RONDE_RETURN_IF_ERROR(ParseModes(raw.modes, negotiate.modes));
  negotiate.order = ParseSubmitOrder(raw.order).value_or(SubmitOrder::kByRank);
  negotiate.cycles = options.iterations;
  negotiate.warmup_cycles = options.warmup_iterations;
  return Status::Ok();
}

}  // namespace ronde::bench
