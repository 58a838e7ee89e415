#include "frontends/session/setting_agreement.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "core/base/program.h"
#include "core/base/strcat.h"

namespace ronde {
namespace {

constexpr int kTag = 1000;  // beyond those of the collectives, which do not run yet
// Ranks may be at odds about --timeout-s itself, and hosts need not start at the same moment.
constexpr double kStartupTimeoutS = 120;

// The tuning file is read by rank 0 for all, wherever others believe it to be; rank 0 alone writes
// what the autotuner finds; hosts may call their interfaces by different names.
bool MayDiffer(Setting setting) {
  constexpr std::array kOwn = {Setting::kHostId,          Setting::kLogLevel,
                               Setting::kTopology,        Setting::kTuningFile,
                               Setting::kAutotuneFile,    Setting::kAutotuneLog,
                               Setting::kNetworkInterface};
  return std::find(kOwn.begin(), kOwn.end(), setting) != kOwn.end();
}

bool IsText(SettingType type) {
  return type == SettingType::kText || type == SettingType::kChoice || type == SettingType::kSwitch;
}

// "what = value" lines with equal line numbers on all ranks of one version. Numbers are written
// as read, so that 1M equals 1048576.
std::string Describe(const Config& config) {
  std::string text = StrCat("the version of Ronde = ", VersionString(), "\n");
  for (const SettingSpec& spec : Settings()) {
    if (MayDiffer(spec.id)) continue;
    text += StrCat(spec.environment, " (", spec.flag, ") = ");
    if (IsText(spec.type)) {
      text += config.GetText(spec.id);
    } else if (spec.type == SettingType::kReal) {
      text += StrCat(config.GetReal(spec.id));
    } else {
      text += StrCat(config.GetInteger(spec.id));
    }
    text += "\n";
  }
  return text;
}

Status SendText(Transport& transport, int peer, const std::string& text, Deadline deadline) {
  const std::uint64_t size_bytes = text.size();
  RONDE_RETURN_IF_ERROR(
      transport.Send(peer, kTag, std::as_bytes(std::span(&size_bytes, 1)), deadline));
  if (text.empty()) return Status::Ok();
  return transport.Send(peer, kTag, std::as_bytes(std::span(text)), deadline);
}

Result<std::string> ReceiveText(Transport& transport, int peer, Deadline deadline) {
  std::uint64_t size_bytes = 0;
  RONDE_RETURN_IF_ERROR(
      transport.Receive(peer, kTag, std::as_writable_bytes(std::span(&size_bytes, 1)), deadline));
  std::string text(size_bytes, '\0');
  if (text.empty()) return text;
  RONDE_RETURN_IF_ERROR(
      transport.Receive(peer, kTag, std::as_writable_bytes(std::span(text)), deadline));
  return text;
}

// What differs first, as a sentence; "" where nothing does.
std::string Compare(const std::string& mine, const std::string& theirs, int peer) {
  if (mine == theirs) return "";
  const auto line_at = [](const std::string& text, std::size_t begin) {
    return text.substr(begin, text.find('\n', begin) - begin);
  };
  std::size_t difference = 0;
  const std::size_t common = std::min(mine.size(), theirs.size());
  while (difference < common && mine[difference] == theirs[difference]) ++difference;
  const std::size_t newline =
      difference == 0 ? std::string::npos : mine.rfind('\n', difference - 1);
  const std::size_t begin = newline == std::string::npos ? 0 : newline + 1;
  const std::string my_line = line_at(mine, begin);
  const std::string their_line = line_at(theirs, begin);
  const std::string separator = " = ";
  const std::size_t equals = my_line.find(separator);
  const std::size_t their_equals = their_line.find(separator);
  if (equals == std::string::npos || their_equals == std::string::npos) {
    return StrCat("ranks 0 and ", peer, " run different builds of Ronde");
  }
  return StrCat(my_line.substr(0, equals), " is '", my_line.substr(equals + separator.size()),
                "' on rank 0, but '", their_line.substr(their_equals + separator.size()),
                "' on rank ", peer, "; it has to be equal on all ranks");
}

}  // namespace

Status AgreeOnSettings(Transport& transport, const Config& config) {
  const Deadline deadline = Deadline::After(kStartupTimeoutS);
  const std::string mine = Describe(config);
  if (transport.rank() != 0) {
    RONDE_RETURN_IF_ERROR(SendText(transport, 0, mine, deadline));
    RONDE_ASSIGN_OR_RETURN(const std::string verdict, ReceiveText(transport, 0, deadline));
    return verdict.empty() ? Status::Ok() : Status::InvalidArgument(verdict);
  }
  std::string verdict;
  for (int peer = 1; peer < transport.size(); ++peer) {
    RONDE_ASSIGN_OR_RETURN(const std::string theirs, ReceiveText(transport, peer, deadline));
    if (verdict.empty()) verdict = Compare(mine, theirs, peer);
  }
  for (int peer = 1; peer < transport.size(); ++peer) {
    RONDE_RETURN_IF_ERROR(SendText(transport, peer, verdict, deadline));
  }
  return verdict.empty() ? Status::Ok() : Status::InvalidArgument(verdict);
}

}  // namespace ronde
