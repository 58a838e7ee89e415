#pragma once

#include <cstdint>
#include <span>

#include "frontends/resnet/data/dataset.h"

namespace ronde {

/// Where an image is cropped out of its zero-padded self, and whether it is mirrored.
struct Augmentation {
  int shift_y = 0;  ///< -pad .. pad
  int shift_x = 0;
  bool mirrored = false;
};

/// Pad by an eighth of the side on all sides and crop back at random; mirror every second image.
/// A pure function of its arguments: the same image gets the same treatment on whichever worker.
[[nodiscard]] Augmentation DrawAugmentation(const DatasetTraits& traits, std::uint64_t seed,
                                            int epoch, std::int64_t image);

/// out = (augmented pixels / 255 - mean) / deviation, height x width x channels; pixels from
/// outside the image count as 0 before the normalisation.
void Normalize(const DatasetTraits& traits, std::span<const std::uint8_t> image,
               const Augmentation& augmentation, std::span<float> out);

}  // namespace ronde
