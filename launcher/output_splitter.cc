#include "launcher/output_splitter.h"

#include <algorithm>

namespace ronde {
namespace {

constexpr char kRecordMark = '\x1e';
constexpr std::size_t kLongestHeldLine = 65536;

}  // namespace

OutputSplitter::Parts OutputSplitter::Split(std::string_view bytes) {
  Parts parts;
  while (!bytes.empty()) {
    if (bytes.front() == kRecordMark) in_record_ = true;
    // A piece ends with its line, or where a record begins in its midst.
    std::size_t size = bytes.find('\n');
    size = size == std::string_view::npos ? bytes.size() : size + 1;
    if (!in_record_) size = std::min(size, bytes.find(kRecordMark));
    const std::string_view piece = bytes.substr(0, size);
    bytes.remove_prefix(size);
    const bool ends_line = piece.back() == '\n';
    if (in_record_) {
      parts.launcher += piece;
      in_record_ = !ends_line;
      continue;
    }
    parts.file += piece;
    held_ += piece;
    if (tag_.empty() || ends_line || held_.size() > kLongestHeldLine) parts.launcher += Flush();
    if (ends_line) in_line_ = false;
  }
  return parts;
}

std::string OutputSplitter::Flush() {
  if (held_.empty()) return "";
  std::string text = in_line_ ? "" : tag_;
  text += std::exchange(held_, {});
  in_line_ = true;
  return text;
}

std::string OutputSplitter::Finish() {
  std::string text = Flush();
  if (!tag_.empty() && in_line_) text += '\n';
  in_line_ = false;
  return text;
}

}  // namespace ronde
