#include "core/base/failure_cause.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <sstream>

#include "core/base/config_environment.h"
#include "core/base/log.h"
#include "core/base/strcat.h"

namespace ronde {
namespace {

// A record travels through pipes in one piece up to 4 KiB.
constexpr std::size_t kLongestText = 3000;

std::string OneLine(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c < ' '; }, ' ');
  if (text.size() > kLongestText) text.resize(kLongestText);
  return text;
}

std::int64_t EpochNs() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
}

}  // namespace

Status WithScene(const Status& cause, std::string_view scene) {
  if (cause.message().find(kSceneMark) != std::string::npos) return cause;
  return {cause.code(), StrCat(cause.message(), kSceneMark, scene)};
}

std::string NamesText(std::string_view first, std::size_t count) {
  return StrCat("'", first, "'", count > 1 ? StrCat(" and ", count - 1, " more") : "");
}

std::string FormatCauseRecord(const FailureCause& cause) {
  return StrCat(kCauseRecordMark, static_cast<int>(cause.kind), ' ', cause.rank, ' ', cause.time_ns,
                ' ', OneLine(cause.text), '\n');
}

std::optional<FailureCause> ParseCauseRecord(std::string_view line) {
  if (!line.starts_with(kCauseRecordMark)) return std::nullopt;
  std::istringstream fields{std::string(line.substr(kCauseRecordMark.size()))};
  int kind = 0;
  FailureCause cause;
  fields >> kind >> cause.rank >> cause.time_ns;
  if (!fields || kind < 0 || kind > static_cast<int>(FailureCause::Kind::kHint)) {
    return std::nullopt;
  }
  fields.ignore(1);
  std::getline(fields, cause.text);
  cause.kind = static_cast<FailureCause::Kind>(kind);
  return cause;
}

void TellCause(FailureCause::Kind kind, int rank, const std::string& host,
               const std::string& message) {
  const std::string own = StrCat("rank ", rank, ":");
  const std::string text = message.starts_with(own) ? StrCat("rank ", rank, " (host ", host,
                                                             "):", message.substr(own.size()))
                                                    : message;
  if (EnvironmentValue("RONDE_LAUNCHED").empty()) {
    if (kind == FailureCause::Kind::kFailure) Log(LogLevel::kError, OneLine(text));
    return;
  }
  const std::string record = FormatCauseRecord({kind, rank, EpochNs(), text});
  // One write: a record is never torn by another writer. There is nobody to tell of a failure.
  if (write(STDERR_FILENO, record.data(), record.size()) < 0) return;
}

}  // namespace ronde
