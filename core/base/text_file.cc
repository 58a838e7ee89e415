#include "core/base/text_file.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "core/base/strcat.h"

namespace ronde {
namespace {

constexpr std::size_t kLongestText = 1 << 20;

using File = std::unique_ptr<std::FILE, decltype([](std::FILE* file) { std::fclose(file); })>;

Status Failure(std::string_view what, const std::string& path) {
  return Status::InvalidArgument(StrCat("cannot ", what, " '", path, "': ", std::strerror(errno)));
}

Status WriteAndSync(const std::string& path, std::string_view text) {
  File file(std::fopen(path.c_str(), "w"));
  if (file == nullptr) return Failure("write", path);
  const bool written = std::fwrite(text.data(), 1, text.size(), file.get()) == text.size() &&
                       std::fflush(file.get()) == 0 && fsync(fileno(file.get())) == 0;
  if (!written) return Failure("write", path);
  return Status::Ok();
}

}  // namespace

Result<std::string> ReadTextFile(const std::string& path) {
  const File file(std::fopen(path.c_str(), "r"));
  if (file == nullptr) return Failure("read", path);
  std::string text(kLongestText + 1, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file.get()));
  if (std::ferror(file.get()) != 0) return Failure("read", path);
  if (text.size() > kLongestText) {
    return Status::InvalidArgument(StrCat("'", path, "' is over 1 MiB: not a file of this kind"));
  }
  return text;
}

Status ReplaceTextFile(const std::string& path, std::string_view text) {
  const std::string fresh = StrCat(path, ".", getpid(), ".tmp");
  Status status = WriteAndSync(fresh, text);
  if (status.ok() && std::rename(fresh.c_str(), path.c_str()) != 0) {
    status = Failure("replace", path);
  }
  if (!status.ok()) std::remove(fresh.c_str());
  return status;
}

}  // namespace ronde
