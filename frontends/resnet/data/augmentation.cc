#include "frontends/resnet/data/augmentation.h"

#include <array>
#include <cstddef>

#include "frontends/resnet/data/random.h"

namespace ronde {
namespace {

constexpr std::uint64_t kStream = 0xA06;  // keeps these draws apart from the sampler's

using NormalizedByte = std::array<float, 256>;

NormalizedByte TableOf(float mean, float deviation) {
  NormalizedByte table;
  for (int byte = 0; byte < 256; ++byte) {
    table[static_cast<std::size_t>(byte)] = (static_cast<float>(byte) / 255.0F - mean) / deviation;
  }
  return table;
}

}  // namespace

Augmentation DrawAugmentation(const DatasetTraits& traits, std::uint64_t seed, int epoch,
                              std::int64_t image) {
  Random random(MixSeed(seed, kStream, epoch, image));
  const int pad_y = traits.height / 8;
  const int pad_x = traits.width / 8;
  Augmentation drawn;
  drawn.shift_y = static_cast<int>(random.Below(static_cast<std::uint64_t>(2 * pad_y + 1))) - pad_y;
  drawn.shift_x = static_cast<int>(random.Below(static_cast<std::uint64_t>(2 * pad_x + 1))) - pad_x;
  drawn.mirrored = random.Below(2) == 1;
  return drawn;
}

void Normalize(const DatasetTraits& traits, std::span<const std::uint8_t> image,
               const Augmentation& augmentation, std::span<float> out) {
  std::array<NormalizedByte, 3> tables;
  for (int channel = 0; channel < traits.channels; ++channel) {
    const auto c = static_cast<std::size_t>(channel);
    tables[c] = TableOf(traits.mean[c], traits.deviation[c]);
  }
  std::size_t at = 0;
  for (int y = 0; y < traits.height; ++y) {
    const int from_y = y + augmentation.shift_y;
    for (int x = 0; x < traits.width; ++x) {
      const int seen_x = augmentation.mirrored ? traits.width - 1 - x : x;
      const int from_x = seen_x + augmentation.shift_x;
      const bool inside =
          from_y >= 0 && from_y < traits.height && from_x >= 0 && from_x < traits.width;
      const int pixel = (from_y * traits.width + from_x) * traits.channels;
      for (int channel = 0; channel < traits.channels; ++channel, ++at) {
        const std::uint8_t byte = inside ? image[static_cast<std::size_t>(pixel + channel)] : 0;
        out[at] = tables[static_cast<std::size_t>(channel)][byte];
      }
    }
  }
}

}  // namespace ronde
