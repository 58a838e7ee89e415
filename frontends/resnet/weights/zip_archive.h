#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "core/base/status.h"
#include "frontends/resnet/weights/input_file.h"

namespace ronde {

/// Where a file of an archive lies: its bytes as they are, uncompressed.
struct ZipRecord {
  std::uint64_t begin = 0;
  std::uint64_t size_bytes = 0;
  std::uint32_t crc32 = 0;
};
using ZipDirectory = std::map<std::string, ZipRecord>;

/// The files of a zip archive as torch.save writes them: stored, not compressed; zip64 is read too.
/// Records lie inside the file, and their sizes sum to no more than its own. Safe for any input.
/// Error: kInvalidArgument, one line without the file's name.
[[nodiscard]] Result<ZipDirectory> ReadZipDirectory(const InputFile& file);

/// Fills `bytes`, `record.size_bytes` of them. Error: kInvalidArgument, also for a wrong checksum.
[[nodiscard]] Status ReadZipRecord(const InputFile& file, const ZipRecord& record, void* bytes);

}  // namespace ronde
