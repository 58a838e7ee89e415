#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/status.h"

namespace ronde {

/// A colour image, height x width x 3 bytes (red, green, blue).
struct RgbImage {
  int height = 0;
  int width = 0;
  std::vector<std::uint8_t> pixels;
};

/// Whether the name ends in .jpg, .jpeg or .png, in capitals or not.
[[nodiscard]] bool HasImageExtension(const std::string& path);

/// Decodes a JPEG or PNG file; its first bytes say which. Grey becomes RGB, transparency is laid
/// on black. A JPEG is decoded at the smallest of the decoder's reduced sizes whose shorter side
/// is at least `shortest_side`, which is what makes large photos cheap.
/// Errors: kInvalidArgument, one line with the file, what was expected, what was found and what to
/// do: unreadable, another kind of file, truncated or damaged, more than 100 million pixels.
[[nodiscard]] Result<RgbImage> ReadImageFile(const std::string& path, int shortest_side);

}  // namespace ronde
