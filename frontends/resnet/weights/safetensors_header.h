#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/status.h"
#include "core/base/tensor_view.h"

namespace ronde {

/// One tensor of a safetensors file. Offsets are bytes from the end of the header.
struct SafetensorsEntry {
  std::string name;
  std::string dtype;  ///< "F32"
  Shape shape;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  friend bool operator==(const SafetensorsEntry&, const SafetensorsEntry&) = default;
};

/// What a safetensors file says before its values.
struct SafetensorsHeader {
  std::vector<SafetensorsEntry> entries;
  std::map<std::string, std::string> metadata;
  friend bool operator==(const SafetensorsHeader&, const SafetensorsHeader&) = default;
};

/// The file starts with the header's length: 64 bits, little-endian.
inline constexpr std::uint64_t kSafetensorsLengthBytes = 8;
/// A longer header is refused, as the reference implementation does.
inline constexpr std::uint64_t kSafetensorsHeaderLimit = 100'000'000;

/// The beginning of a file up to its values: the length, and JSON padded with blanks to a multiple
/// of 8 bytes. Error: kInvalidArgument for a name that is used twice, reserved or not UTF-8.
[[nodiscard]] Result<std::string> FormatSafetensorsHeader(const SafetensorsHeader& header);

/// Reads the JSON of a header. Afterwards every dtype is known, every shape belongs to its offsets
/// (also where its product overflows), and the entries, sorted by offset, cover the `data_bytes`
/// bytes behind the header without holes or overlaps. Safe for any input.
/// Error: kInvalidArgument, one line without the file's name.
/// Source: https://huggingface.co/docs/safetensors (format).
[[nodiscard]] Result<SafetensorsHeader> ParseSafetensorsHeader(std::string_view json,
                                                               std::uint64_t data_bytes);

}  // namespace ronde
