#pragma once

#include <string>
#include <string_view>

#include "core/base/status.h"
#include "core/base/strcat.h"

namespace ronde {

enum class LogLevel : int { kTrace = 0, kDebug, kInfo, kWarning, kError, kOff };

[[nodiscard]] Result<LogLevel> ParseLogLevel(std::string_view name);

/// Sets what is written (default kWarning) and the prefix of every line, e.g. "rank 1".
/// Thread-safe.
void SetLogLevel(LogLevel level);
void SetLogPrefix(std::string prefix);
[[nodiscard]] bool LogEnabled(LogLevel level);

/// Writes one line to stderr when `level` is enabled. Thread-safe.
void LogLine(LogLevel level, const std::string& message);

template <typename... Args>
void Log(LogLevel level, const Args&... args) {
  if (LogEnabled(level)) LogLine(level, StrCat(args...));
}

}  // namespace ronde
