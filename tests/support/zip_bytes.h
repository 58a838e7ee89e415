#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <zlib.h>

namespace ronde {

/// `number` in `width` bytes, the lowest first.
inline std::string LittleEndian(std::uint64_t number, std::size_t width) {
  std::string bytes;
  for (; width > 0; --width, number >>= 8) bytes += static_cast<char>(number);
  return bytes;
}

/// A zip archive of `files` (name and contents), stored as torch.save does.
inline std::string ZipOf(const std::vector<std::pair<std::string, std::string>>& files) {
  std::string archive;
  std::string directory;
  for (const auto& [name, contents] : files) {
    const uLong crc = crc32(0, reinterpret_cast<const Bytef*>(contents.data()),
                            static_cast<uInt>(contents.size()));
    const std::string facts = LittleEndian(0, 4) + LittleEndian(0, 4) + LittleEndian(crc, 4) +
                              LittleEndian(contents.size(), 4) + LittleEndian(contents.size(), 4) +
                              LittleEndian(name.size(), 2) + LittleEndian(0, 2);
    directory += "PK\x01\x02" + LittleEndian(20, 2) + LittleEndian(20, 2) + facts +
                 LittleEndian(0, 10) + LittleEndian(archive.size(), 4) + name;
    archive += "PK\x03\x04" + LittleEndian(20, 2) + facts + name + contents;
  }
  const std::string count = LittleEndian(files.size(), 2);
  return archive + directory + "PK\x05\x06" + LittleEndian(0, 4) + count + count +
         LittleEndian(directory.size(), 4) + LittleEndian(archive.size(), 4) + LittleEndian(0, 2);
}

}  // namespace ronde
