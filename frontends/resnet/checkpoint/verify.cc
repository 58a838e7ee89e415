#include "frontends/resnet/checkpoint/verify.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <vector>

#include <zlib.h>

#include "core/base/strcat.h"
#include "frontends/resnet/weights/input_file.h"

namespace ronde {
namespace {

constexpr std::size_t kChunkBytes = std::size_t{1} << 20;
constexpr std::uint64_t kManifestLimitBytes = std::uint64_t{1} << 30;

std::string PathIn(const std::string& folder, const std::string& name) {
  return (std::filesystem::path(folder) / name).string();
}

std::string Hex(std::uint32_t number) {
  char digits[9];
  std::snprintf(digits, sizeof(digits), "%08x", number);
  return digits;
}

Result<InputFile> OpenIn(const std::string& folder, const std::string& name) {
  std::error_code ignored;
  const std::string path = PathIn(folder, name);
  if (!std::filesystem::exists(path, ignored)) {
    return Status::InvalidArgument(StrCat(path, ": is missing"));
  }
  return InputFile::Open(path);
}

}  // namespace

Result<std::string> ReadManifestText(const std::string& folder) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(folder, ignored)) {
    return Status::InvalidArgument(StrCat(folder, ": there is no such folder"));
  }
  RONDE_ASSIGN_OR_RETURN(const InputFile file, OpenIn(folder, kManifestName));
  if (file.size_bytes() > kManifestLimitBytes) {
    return Status::InvalidArgument(
        StrCat(PathIn(folder, kManifestName), ": ", file.size_bytes(), " bytes are no manifest"));
  }
  std::string text(file.size_bytes(), '\0');
  RONDE_RETURN_IF_ERROR(file.ReadAt(0, text.data(), text.size()));
  return text;
}

Result<Manifest> ReadManifest(const std::string& folder) {
  RONDE_ASSIGN_OR_RETURN(const std::string text, ReadManifestText(folder));
  Result<Manifest> manifest = ParseManifest(text);
  if (manifest.ok()) return manifest;
  return Status::InvalidArgument(
      StrCat(PathIn(folder, kManifestName), ": ", manifest.status().message()));
}

Result<CheckpointFile> Checksum(const std::string& folder, const std::string& name) {
  RONDE_ASSIGN_OR_RETURN(const InputFile file, OpenIn(folder, name));
  std::vector<Bytef> chunk(kChunkBytes);
  uLong crc = crc32_z(0, nullptr, 0);
  for (std::uint64_t begin = 0; begin < file.size_bytes(); begin += kChunkBytes) {
    const auto size = std::min<std::uint64_t>(kChunkBytes, file.size_bytes() - begin);
    RONDE_RETURN_IF_ERROR(file.ReadAt(begin, chunk.data(), size));
    crc = crc32_z(crc, chunk.data(), size);
  }
  return CheckpointFile{name, file.size_bytes(), static_cast<std::uint32_t>(crc)};
}

Status VerifyFile(const std::string& folder, const CheckpointFile& expected) {
  RONDE_ASSIGN_OR_RETURN(const CheckpointFile found, Checksum(folder, expected.name));
  const std::string path = PathIn(folder, expected.name);
  if (found.size_bytes != expected.size_bytes) {
    return Status::InvalidArgument(
        StrCat(path, ": ", found.size_bytes < expected.size_bytes ? "truncated" : "too long", ": ",
               found.size_bytes, " bytes, expected ", expected.size_bytes));
  }
  if (found.crc32 != expected.crc32) {
    return Status::InvalidArgument(StrCat(path, ": damaged: its CRC-32 is ", Hex(found.crc32),
                                          ", expected ", Hex(expected.crc32)));
  }
  return Status::Ok();
}

}  // namespace ronde
