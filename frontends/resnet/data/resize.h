#pragma once

#include <cstdint>
#include <span>

#include "frontends/resnet/data/image_file.h"

namespace ronde {

/// Crops the largest centred square of `image` and scales it to side x side x 3 bytes into `out`.
/// Triangle filter, as wide as an output pixel when shrinking (no aliasing), one input pixel when
/// enlarging (bilinear). The image has at least one pixel.
void CropAndResize(const RgbImage& image, int side, std::span<std::uint8_t> out);

}  // namespace ronde
