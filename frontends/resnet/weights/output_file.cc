#include "frontends/resnet/weights/output_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "core/base/strcat.h"

namespace ronde {
namespace {

constexpr mode_t kMode = 0666;  // less the umask

Status CannotWrite(const std::string& path) {
  return Status::Unavailable(StrCat(path, ": cannot be written: ", std::strerror(errno)));
}

Status NotRegular(const std::string& path) {
  return Status::Unavailable(StrCat(path, ": cannot be written: it is no regular file"));
}

}  // namespace

Result<OutputFile> OutputFile::Create(const std::string& path) {
  const int descriptor = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, kMode);
  if (descriptor < 0) return CannotWrite(path);
  struct stat facts = {};
  if (fstat(descriptor, &facts) != 0 || !S_ISREG(facts.st_mode)) {
    close(descriptor);
    return NotRegular(path);  // a device must not be removed
  }
  return OutputFile(path, descriptor);
}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : path_(std::move(other.path_)), descriptor_(std::exchange(other.descriptor_, -1)) {}

OutputFile::~OutputFile() {
  if (descriptor_ < 0) return;
  close(descriptor_);
  unlink(path_.c_str());
}

Status OutputFile::Write(const void* bytes, std::size_t size_bytes) {
  const auto* at = static_cast<const char*>(bytes);
  while (size_bytes > 0) {
    const ssize_t written = write(descriptor_, at, size_bytes);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return CannotWrite(path_);
    at += written;
    size_bytes -= static_cast<std::size_t>(written);
  }
  return Status::Ok();
}

Status OutputFile::Finish() {
  if (fsync(descriptor_) != 0) return CannotWrite(path_);
  // Only close() tells of some failures on network file systems.
  if (close(std::exchange(descriptor_, -1)) != 0) {
    const Status status = CannotWrite(path_);
    unlink(path_.c_str());
    return status;
  }
  return Status::Ok();
}

Status SyncFolder(const std::string& folder) {
  const int descriptor = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return CannotWrite(folder);
  // Some network file systems cannot sync a folder and say EINVAL.
  const bool synced = fsync(descriptor) == 0 || errno == EINVAL;
  const Status status = synced ? Status::Ok() : CannotWrite(folder);
  close(descriptor);
  return status;
}

Status ReplaceFile(const std::string& path,
                   const std::function<Status(const std::string&)>& write) {
  std::error_code ignored;
  if (std::filesystem::exists(path, ignored) && !std::filesystem::is_regular_file(path, ignored)) {
    return NotRegular(path);
  }
  const std::string unfinished = path + ".tmp";
  RONDE_RETURN_IF_ERROR(write(unfinished));
  if (std::rename(unfinished.c_str(), path.c_str()) != 0) {
    const Status status = CannotWrite(path);
    unlink(unfinished.c_str());
    return status;
  }
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return SyncFolder(folder.empty() ? "." : folder);
}

}  // namespace ronde
