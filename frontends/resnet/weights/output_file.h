#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include "core/base/status.h"

namespace ronde {

/// A file that is written whole or not at all: unless Finish() succeeds, it is removed again.
/// Errors: kUnavailable, "PATH: cannot be written: why". Thread rule: one thread.
class OutputFile {
 public:
  /// Makes the file, or empties the one that is there.
  [[nodiscard]] static Result<OutputFile> Create(const std::string& path);
  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&& other) = delete;
  ~OutputFile();

  /// Appends `size_bytes` bytes.
  [[nodiscard]] Status Write(const void* bytes, std::size_t size_bytes);
  /// Puts the contents on the disk (fsync) and closes the file.
  [[nodiscard]] Status Finish();

 private:
  OutputFile(std::string path, int descriptor) : path_(std::move(path)), descriptor_(descriptor) {}

  std::string path_;
  int descriptor_;  // -1: closed, or moved from
};

/// Puts a folder's entries on the disk, so that a rename in it survives a crash of the machine.
/// Error: kUnavailable naming the folder.
[[nodiscard]] Status SyncFolder(const std::string& folder);

/// `path` keeps its old contents or gets all of the new: `write` makes a file of the name that it
/// is given, finished on the disk, which then takes the name `path`.
/// Errors: those of `write`; kUnavailable naming `path`.
[[nodiscard]] Status ReplaceFile(const std::string& path,
                                 const std::function<Status(const std::string&)>& write);

}  // namespace ronde
