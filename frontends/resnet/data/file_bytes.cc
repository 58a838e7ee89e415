#include "frontends/resnet/data/file_bytes.h"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "core/base/strcat.h"

namespace ronde {
namespace {

constexpr std::size_t kChunkBytes = 1 << 16;

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

}  // namespace

Result<std::vector<std::uint8_t>> ReadFileBytes(const std::string& path) {
  const auto failed = [&path] {
    return Status::InvalidArgument(StrCat(path, ": cannot be read: ", std::strerror(errno)));
  };
  const std::unique_ptr<std::FILE, CloseFile> file(std::fopen(path.c_str(), "rb"));
  if (file == nullptr) return failed();
  std::vector<std::uint8_t> bytes;
  std::array<std::uint8_t, kChunkBytes> chunk;
  while (const std::size_t got = std::fread(chunk.data(), 1, chunk.size(), file.get())) {
    bytes.insert(bytes.end(), chunk.begin(), chunk.begin() + static_cast<std::ptrdiff_t>(got));
  }
  if (std::ferror(file.get()) != 0) return failed();
  return bytes;
}

}  // namespace ronde
