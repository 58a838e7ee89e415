#pragma once

#include <sstream>
#include <string>

namespace ronde {

/// Concatenates the streamed form of its arguments; the one way in which messages are composed.
template <typename... Args>
[[nodiscard]] std::string StrCat(const Args&... args) {
  std::ostringstream out;
  (out << ... << args);
  return std::move(out).str();
}

}  // namespace ronde
