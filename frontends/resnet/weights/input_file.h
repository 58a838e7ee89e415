#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "core/base/status.h"

namespace ronde {

/// A regular file, read at any place. Thread rule: immutable after Open().
class InputFile {
 public:
  /// Error: kInvalidArgument, "PATH: cannot be read: why"; also for what is no regular file.
  [[nodiscard]] static Result<InputFile> Open(const std::string& path);
  InputFile(InputFile&& other) noexcept;
  InputFile& operator=(InputFile&& other) = delete;
  ~InputFile();

  /// As it was when the file was opened.
  [[nodiscard]] std::uint64_t size_bytes() const { return size_bytes_; }
  /// Fills `bytes` from offset `begin`. Error: kInvalidArgument, as above, also past the end.
  [[nodiscard]] Status ReadAt(std::uint64_t begin, void* bytes, std::size_t size_bytes) const;

 private:
  InputFile(std::string path, int descriptor, std::uint64_t size_bytes)
      : path_(std::move(path)), descriptor_(descriptor), size_bytes_(size_bytes) {}

  std::string path_;
  int descriptor_;  // -1: moved from
  std::uint64_t size_bytes_;
};

}  // namespace ronde
