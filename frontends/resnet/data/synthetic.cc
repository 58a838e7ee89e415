#include "frontends/resnet/data/synthetic.h"

#include <algorithm>
#include <cstddef>

#include "frontends/resnet/data/random.h"

namespace ronde {
namespace {

constexpr std::int64_t kTrainingSize = 50000;
constexpr std::int64_t kValidationSize = 10000;
constexpr int kGrid = 4;  // a class's pattern is kGrid x kGrid cells per channel

DatasetTraits TraitsOf(bool large_images) {
  DatasetTraits traits;
  traits.channels = 3;
  traits.height = traits.width = large_images ? 224 : 32;
  traits.classes = large_images ? 1000 : 10;
  traits.mean = {0.5F, 0.5F, 0.5F};
  traits.deviation = {0.25F, 0.25F, 0.25F};
  return traits;
}

class Synthetic final : public Dataset {
 public:
  explicit Synthetic(const DatasetRequest& request)
      : traits_(TraitsOf(request.large_images)),
        seed_(request.seed),
        split_(static_cast<std::uint64_t>(request.split)) {
    size_ = request.split == Split::kTraining ? kTrainingSize : kValidationSize;
    if (request.limit > 0) size_ = std::min(size_, request.limit);
  }

  [[nodiscard]] const DatasetTraits& traits() const override { return traits_; }
  [[nodiscard]] std::int64_t size() const override { return size_; }

  [[nodiscard]] int Label(std::int64_t index) const override {
    Random random(MixSeed(seed_, split_, index));
    return static_cast<int>(random.Below(static_cast<std::uint64_t>(traits_.classes)));
  }

  void ReadImage(std::int64_t index, std::span<std::uint8_t> out) const override {
    const auto label = static_cast<std::uint64_t>(Label(index));
    Random noise(MixSeed(seed_, split_, index, 1));
    std::uint64_t bits = 0;
    int bits_left = 0;
    std::size_t at = 0;
    for (int y = 0; y < traits_.height; ++y) {
      for (int x = 0; x < traits_.width; ++x) {
        const int cell = y * kGrid / traits_.height * kGrid + x * kGrid / traits_.width;
        const std::uint64_t pattern = MixSeed(seed_, label, cell);
        for (int channel = 0; channel < traits_.channels; ++channel, ++at) {
          if (bits_left == 0) {
            bits = noise.Next();
            bits_left = 8;
          }
          const std::uint64_t base = (pattern >> (8 * channel)) & 0x7F;
          out[at] = static_cast<std::uint8_t>(base + (bits & 0x7F));
          bits >>= 8;
          --bits_left;
        }
      }
    }
  }

 private:
  DatasetTraits traits_;
  std::uint64_t seed_;
  std::uint64_t split_;
  std::int64_t size_ = 0;
};

}  // namespace

Result<std::unique_ptr<Dataset>> MakeSynthetic(const DatasetRequest& request) {
  return std::unique_ptr<Dataset>(std::make_unique<Synthetic>(request));
}

}  // namespace ronde
