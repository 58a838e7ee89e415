#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <zlib.h>

#include "tests/support/temporary_folder.h"

namespace ronde {

/// An IDX file's bytes: the header that `magic` and `dimensions` make, then `values`.
inline std::string IdxBytes(std::uint32_t magic, const std::vector<std::uint32_t>& dimensions,
                            const std::vector<std::uint8_t>& values) {
  std::string bytes;
  const auto word = [&bytes](std::uint32_t value) {
    for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift);
  };
  word(magic);
  for (const std::uint32_t extent : dimensions) word(extent);
  bytes.append(values.begin(), values.end());
  return bytes;
}

inline void WritePlain(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

inline void WriteGzip(const std::string& path, const std::string& bytes) {
  gzFile file = gzopen(path.c_str(), "wb");
  gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size()));
  gzclose(file);
}

}  // namespace ronde
