#include "frontends/resnet/data/resize.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace ronde {
namespace {

constexpr std::size_t kChannels = 3;

// The input pixels first, first + 1, ... that make one output pixel; weights add up to 1.
struct Taps {
  int first = 0;
  std::vector<float> weights;
};

std::vector<Taps> MakeTaps(int from, int to) {
  const double scale = static_cast<double>(from) / to;
  const double reach = std::max(scale, 1.0);
  std::vector<Taps> all;
  for (int i = 0; i < to; ++i) {
    const double centre = (i + 0.5) * scale;
    Taps taps;
    taps.first = std::max(0, static_cast<int>(std::floor(centre - reach)));
    const int end = std::min(from, static_cast<int>(std::ceil(centre + reach)));
    double total = 0;
    for (int at = taps.first; at < end; ++at) {
      const double weight = std::max(0.0, 1 - std::abs(at + 0.5 - centre) / reach);
      taps.weights.push_back(static_cast<float>(weight));
      total += weight;
    }
    for (float& weight : taps.weights) weight /= static_cast<float>(total);
    all.push_back(std::move(taps));
  }
  return all;
}

// One row of the crop, scaled in x.
void ResizeRow(const std::uint8_t* row, const std::vector<Taps>& columns, float* out) {
  for (const Taps& taps : columns) {
    for (std::size_t c = 0; c < kChannels; ++c) {
      float sum = 0;
      const std::uint8_t* at = row + static_cast<std::size_t>(taps.first) * kChannels + c;
      for (const float weight : taps.weights) {
        sum += weight * static_cast<float>(*at);
        at += kChannels;
      }
      *out++ = sum;
    }
  }
}

}  // namespace

void CropAndResize(const RgbImage& image, int side, std::span<std::uint8_t> out) {
  const int square = std::min(image.height, image.width);
  const auto top = static_cast<std::size_t>((image.height - square) / 2);
  const auto left = static_cast<std::size_t>((image.width - square) / 2);
  const auto width = static_cast<std::size_t>(image.width);
  const std::vector<Taps> taps = MakeTaps(square, side);
  const std::size_t row_size = static_cast<std::size_t>(side) * kChannels;

  std::vector<float> rows(static_cast<std::size_t>(square) * row_size);
  for (std::size_t y = 0; y < static_cast<std::size_t>(square); ++y) {
    const std::uint8_t* row = image.pixels.data() + ((top + y) * width + left) * kChannels;
    ResizeRow(row, taps, rows.data() + y * row_size);
  }
  std::size_t at = 0;
  for (const Taps& tap : taps) {
    for (std::size_t x = 0; x < row_size; ++x) {
      float sum = 0.5F;
      const float* value = rows.data() + static_cast<std::size_t>(tap.first) * row_size + x;
      for (const float weight : tap.weights) {
        sum += weight * *value;
        value += row_size;
      }
      out[at++] = static_cast<std::uint8_t>(std::clamp(sum, 0.0F, 255.0F));
    }
  }
}

}  // namespace ronde
