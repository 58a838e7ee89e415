#include "core/base/log.h"

#include <array>
#include <mutex>

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace ronde {
namespace {

constexpr std::array<std::string_view, 6> kNames = {"trace",   "debug", "info",
                                                    "warning", "error", "off"};

spdlog::level::level_enum ToSpdlog(LogLevel level) {
  return static_cast<spdlog::level::level_enum>(level == LogLevel::kOff ? spdlog::level::off
                                                                        : static_cast<int>(level));
}

// The process's one log. Logging is the only process-wide state besides the session slot: messages
// have to reach stderr before any session exists and after the last one is gone.
spdlog::logger& Logger() {
  static spdlog::logger* logger = [] {
    auto* created = new spdlog::logger("ronde", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    created->set_level(spdlog::level::warn);
    created->set_pattern("ronde [%l] %v");
    return created;
  }();
  return *logger;
}

}  // namespace

Result<LogLevel> ParseLogLevel(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<LogLevel>(i);
  }
  return Status::InvalidArgument(
      StrCat("log level '", name, "' is unknown; use trace, debug, info, warning, error, off"));
}

void SetLogLevel(LogLevel level) { Logger().set_level(ToSpdlog(level)); }

void SetLogPrefix(std::string prefix) {
  // '%' starts a pattern flag in spdlog; host names cannot hold one, but a caller's text may.
  std::string escaped;
  for (char c : prefix) escaped += c == '%' ? std::string("%%") : std::string(1, c);
  Logger().set_pattern("ronde [%l] " + escaped + (escaped.empty() ? "%v" : ": %v"));
}

bool LogEnabled(LogLevel level) { return Logger().should_log(ToSpdlog(level)); }

void LogLine(LogLevel level, const std::string& message) { Logger().log(ToSpdlog(level), message); }

}  // namespace ronde
