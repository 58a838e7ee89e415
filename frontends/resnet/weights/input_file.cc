#include "frontends/resnet/weights/input_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "core/base/strcat.h"

namespace ronde {
namespace {

Status CannotRead(const std::string& path, const std::string& why) {
  return Status::InvalidArgument(StrCat(path, ": cannot be read: ", why));
}

}  // namespace

Result<InputFile> InputFile::Open(const std::string& path) {
  // Without O_NONBLOCK a pipe of that name would hang the program.
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) return CannotRead(path, std::strerror(errno));
  struct stat facts = {};
  if (fstat(descriptor, &facts) != 0 || !S_ISREG(facts.st_mode)) {
    close(descriptor);
    return CannotRead(path, S_ISDIR(facts.st_mode) ? "it is a folder" : "it is no regular file");
  }
  return InputFile(path, descriptor, static_cast<std::uint64_t>(facts.st_size));
}

InputFile::InputFile(InputFile&& other) noexcept
    : path_(std::move(other.path_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      size_bytes_(other.size_bytes_) {}

InputFile::~InputFile() {
  if (descriptor_ >= 0) close(descriptor_);
}

Status InputFile::ReadAt(std::uint64_t begin, void* bytes, std::size_t size_bytes) const {
  if (begin > size_bytes_ || size_bytes > size_bytes_ - begin) {
    return CannotRead(path_, StrCat("it ends after ", size_bytes_, " bytes"));
  }
  auto* at = static_cast<char*>(bytes);
  while (size_bytes > 0) {
    const ssize_t got = pread(descriptor_, at, size_bytes, static_cast<off_t>(begin));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return CannotRead(path_, std::strerror(errno));
    if (got == 0) return CannotRead(path_, "it has become shorter");
    at += got;
    begin += static_cast<std::uint64_t>(got);
    size_bytes -= static_cast<std::size_t>(got);
  }
  return Status::Ok();
}

}  // namespace ronde
