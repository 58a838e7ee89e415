#include "core/observation/timeline_json.h"

#include <nlohmann/json.hpp>

namespace ronde {

std::string JsonString(std::string_view text) {
  using nlohmann::json;
  return json(text).dump(-1, ' ', /*ensure_ascii=*/true, json::error_handler_t::replace);
}

TraceEvent& TraceEvent::Time(std::string_view key, std::int64_t time_ns) {
  constexpr std::int64_t kNsPerUs = 1000;
  Key(key);
  if (time_ns < 0) out_ += '-';
  // As unsigned, which has a counterpart for every negative number.
  const std::uint64_t size_ns =
      time_ns < 0 ? -static_cast<std::uint64_t>(time_ns) : static_cast<std::uint64_t>(time_ns);
  char digits[24];
  out_.append(digits, std::to_chars(digits, digits + sizeof digits, size_ns / kNsPerUs).ptr);
  const auto rest = static_cast<int>(size_ns % kNsPerUs);
  const char fraction[] = {'.', static_cast<char>('0' + rest / 100),
                           static_cast<char>('0' + rest / 10 % 10),
                           static_cast<char>('0' + rest % 10)};
  out_.append(fraction, sizeof fraction);
  return *this;
}

}  // namespace ronde
