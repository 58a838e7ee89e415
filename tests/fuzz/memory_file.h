#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <string>
#include <string_view>

#include "core/base/strcat.h"
#include "tests/fuzz/fuzz_target.h"

namespace ronde {

/// A file in memory, for readers that take a path; each of them opens it anew.
class MemoryFile {
 public:
  MemoryFile() : descriptor_(memfd_create("ronde_fuzz", MFD_CLOEXEC)) {
    FUZZ_REQUIRE(descriptor_ >= 0);
  }
  ~MemoryFile() { close(descriptor_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  /// Replaces the contents.
  void Write(std::string_view bytes) {
    FUZZ_REQUIRE(ftruncate(descriptor_, 0) == 0);
    FUZZ_REQUIRE(pwrite(descriptor_, bytes.data(), bytes.size(), 0) ==
                 static_cast<ssize_t>(bytes.size()));
  }
  /// Valid in this process.
  [[nodiscard]] std::string path() const { return StrCat("/proc/self/fd/", descriptor_); }

 private:
  int descriptor_;
};

}  // namespace ronde
