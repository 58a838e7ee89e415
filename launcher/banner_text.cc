#include "launcher/banner_text.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <string>

namespace ronde {
namespace {

// From help-orterun.txt, help-errmgr-base.txt and help-mpi-api.txt of Open MPI 4.1 and from
// PRRTE's prterun (Open MPI 5). The program's own name comes first, so texts match anywhere.
constexpr std::array<std::string_view, 8> kBannerTexts = {
    "job  terminated normally, but",
    "detected that one or more processes exited with non-zero status",
    "noticed that process rank",
    "has exited due to process rank",
    "noticed that the job aborted",
    "MPI_ABORT was invoked on rank",
    "noticed that the job was aborted",
    "has exited before it received notification that all",
};

constexpr std::array<std::string_view, 5> kNoiseTexts = {
    "orte/util/show_help.c",
    "PMIX ERROR:",
    "more process has sent help message help-",
    "more processes have sent help message help-",
    "Set MCA parameter \"orte_base_help_aggregate\" to 0",
};

constexpr std::array<std::string_view, 2> kForwardingTexts = {
    "mpirun: Forwarding signal ",
    "prterun: Forwarding signal ",
};

// What srun says of tasks that have ended badly, which the guards know better. Its other messages
// pass.
constexpr std::string_view kSrun = "srun: ";
constexpr std::string_view kSlurmStep = "slurmstepd";
constexpr std::string_view kStepCancelled = ": error: *** STEP ";
constexpr std::array<std::string_view, 11> kSrunNoiseTexts = {
    ": Exited with exit code ",
    ": Terminated",
    ": Killed",
    ": Aborted",
    ": Segmentation fault",
    "Terminating StepId=",
    "Terminating job step ",
    "Job step aborted: ",
    "forcing job termination",
    "interrupt (one more within",
    "cluster configuration lacks support for cpu binding",
};

bool SharesBeginning(std::string_view line, std::string_view text) {
  const std::size_t size = std::min(line.size(), text.size());
  return line.substr(0, size) == text.substr(0, size);
}

bool MayBeginSo(std::string_view line) {
  return SharesBeginning(line, kSrun) || SharesBeginning(line, kSlurmStep) ||
         std::any_of(kForwardingTexts.begin(), kForwardingTexts.end(),
                     [line](std::string_view text) { return SharesBeginning(line, text); });
}

template <typename Texts>
bool ContainsAny(std::string_view line, const Texts& texts) {
  return std::any_of(texts.begin(), texts.end(), [line](std::string_view text) {
    return line.find(text) != std::string_view::npos;
  });
}

// The lines of a help text as one: where they break differs between releases.
std::string OneLine(std::string_view body) {
  std::string line;
  for (const char c : body) {
    const bool is_space = c == ' ' || c == '\n';
    if (!is_space || line.empty() || line.back() != ' ') line += is_space ? ' ' : c;
  }
  return line;
}

// The word after the first `label`, up to white space or one of ".,)]"; empty where there is none.
std::string_view WordAfter(std::string_view text, std::string_view label) {
  std::size_t begin = text.find(label);
  if (begin == std::string_view::npos) return {};
  begin = text.find_first_not_of(" \n", begin + label.size());
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_first_of(" \n)]", begin) - begin);
}

std::optional<int> NumberAfter(std::string_view text, std::string_view label) {
  const std::string_view word = WordAfter(text, label);
  int number = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  if (error != std::errc() || end == word.data()) return std::nullopt;
  return number;
}

}  // namespace

bool IsBannerFirstLine(std::string_view line) { return ContainsAny(line, kBannerTexts); }

bool IsNoiseLine(std::string_view line) {
  if (!MayBeNoiseLine(line)) return false;
  if (line.starts_with(kSrun)) return ContainsAny(line, kSrunNoiseTexts);
  if (line.starts_with(kSlurmStep)) return line.find(kStepCancelled) != std::string_view::npos;
  return ContainsAny(line, kNoiseTexts) || ContainsAny(line, kForwardingTexts);
}

bool MayBeginNoise(char first) {
  return first == '[' || first == 'm' || first == 'p' || first == 's';
}

bool MayBeNoiseLine(std::string_view line) {
  if (line.front() != '[') return MayBeginSo(line);
  // "[host:pid]": anything else in brackets is a program's own.
  const std::size_t close = line.find(']');
  const std::string_view inside = line.substr(1, std::min(close, line.size()) - 1);
  const std::size_t colon = std::min(inside.rfind(':'), inside.size());
  const auto is_digit = [](unsigned char c) { return std::isdigit(c) != 0; };
  const bool pid_ok =
      colon == inside.size() ||
      std::all_of(inside.begin() + static_cast<long>(colon) + 1, inside.end(), is_digit);
  const bool host_ok = std::all_of(
      inside.begin(), inside.begin() + static_cast<long>(colon),
      [](unsigned char c) { return std::isalnum(c) != 0 || c == '.' || c == '-' || c == '_'; });
  return pid_ok && host_ok && (close == std::string_view::npos || colon != inside.size());
}

// Exit codes are not read here: the guards know them better.
std::optional<RankFailure> ParseBanner(std::string_view text) {
  const std::string body = OneLine(text);
  RankFailure failure;
  failure.said_by_mpirun = true;
  const auto has = [&body](std::string_view words) {
    return body.find(words) != std::string::npos;
  };
  std::optional<int> rank;
  std::optional<int> code = 0;
  if (has("exited on signal")) {
    failure.kind = RankFailure::Kind::kSignal;
    rank = NumberAfter(body, "process rank");
    code = NumberAfter(body, "exited on signal");
    failure.host = WordAfter(body, "on node");
  } else if (has("exiting improperly")) {
    failure.kind = RankFailure::Kind::kNoFinalize;
    rank = NumberAfter(body, "process rank");
    failure.host = WordAfter(body, "on node");
  } else if (has("MPI_ABORT was invoked")) {
    failure.kind = RankFailure::Kind::kAbort;
    rank = NumberAfter(body, "invoked on rank");
    code = NumberAfter(body, has("Errorcode:") ? "Errorcode:" : "with errorcode");
  } else {
    return std::nullopt;
  }
  if (!rank || !code) return std::nullopt;
  failure.rank = *rank;
  failure.code = *code;
  return failure;
}

}  // namespace ronde
