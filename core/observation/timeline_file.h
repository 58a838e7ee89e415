#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "core/base/status.h"

namespace ronde {

/// A JSON file that grows and is complete at any moment, also when the process is killed.
///
/// The closing brackets stand some way behind the last element, with blanks in between; elements
/// are written into the blanks, those of one page in one call, which the kernel finishes once it
/// has begun. When the blanks are used up, more of them are written behind the brackets, which then
/// move to the end: new ones are written and the old ones blanked. Only a process that is killed
/// between these two calls, some 20 times in a gigabyte, or within an element larger than a page,
/// leaves something else. Move-only. Thread rule: one thread.
class TimelineFile {
 public:
  /// Creates or replaces `path` with `head`, which opens an array with a first element in it, in an
  /// object. Error: kInvalidArgument naming the path.
  [[nodiscard]] static Result<TimelineFile> Create(const std::string& path, std::string_view head);
  /// Finishes.
  ~TimelineFile();
  TimelineFile(TimelineFile&& other) noexcept;
  TimelineFile& operator=(TimelineFile&&) = delete;

  /// Adds `elements`: lines, each ",\n{" and the rest of one element. Error: kUnavailable naming
  /// the path (disk full); the file then has the elements that found room.
  Status Append(std::string_view elements);

 private:
  TimelineFile(std::string path, int file) : path_(std::move(path)), file_(file) {}
  /// Makes room for `size_bytes` at end_.
  Status Extend(std::size_t size_bytes);
  Status WriteAt(std::string_view text, std::size_t position);
  void RemoveBlanks();

  std::string path_;
  int file_;                 // -1: moved from
  std::size_t end_ = 0;      // where the next element goes
  std::size_t closing_ = 0;  // where the closing brackets are; from end_ on there are blanks
};

}  // namespace ronde
