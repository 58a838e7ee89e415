#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace ronde {

/// Splits what a rank writes to one stream into what its launcher gets and what its own file gets.
/// The launcher gets everything, and with a tag every line as a whole with the tag in front, so
/// that lines of several ranks do not mix; the file gets the text alone: records for ronderun (from
/// "\x1e" to the line's end, which get no tag either) are not in it. Without a tag bytes pass at
/// once. Pure: no I/O, no clock.
class OutputSplitter {
 public:
  explicit OutputSplitter(std::string tag = "") : tag_(std::move(tag)) {}

  struct Parts {
    std::string launcher;
    std::string file;
  };
  [[nodiscard]] Parts Split(std::string_view bytes);

  /// Whether part of a line waits for its rest.
  [[nodiscard]] bool HoldsBytes() const { return !held_.empty(); }
  /// Gives it to the launcher nevertheless: when the rank has been silent for a while.
  [[nodiscard]] std::string Flush();
  /// The same at the end, and a newline behind it: tags stay at the start of lines.
  [[nodiscard]] std::string Finish();

 private:
  std::string tag_;
  std::string held_;  // of the line that has not ended yet, what the launcher does not have
  bool in_record_ = false;
  bool in_line_ = false;  // the launcher has the line's beginning
};

}  // namespace ronde
