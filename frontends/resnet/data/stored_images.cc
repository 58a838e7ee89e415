#include "frontends/resnet/data/stored_images.h"

#include <algorithm>
#include <utility>

namespace ronde {
namespace {

class StoredImages final : public Dataset {
 public:
  StoredImages(ImageStore store, std::int64_t size) : store_(std::move(store)), size_(size) {}

  [[nodiscard]] const DatasetTraits& traits() const override { return store_.traits; }
  [[nodiscard]] std::int64_t size() const override { return size_; }
  [[nodiscard]] int Label(std::int64_t index) const override {
    return store_.labels[static_cast<std::size_t>(index)];
  }
  void ReadImage(std::int64_t index, std::span<std::uint8_t> out) const override {
    const std::int64_t pixels = store_.traits.pixels();
    std::copy_n(store_.pixels.data() + index * pixels, pixels, out.data());
  }

 private:
  ImageStore store_;
  std::int64_t size_;
};

}  // namespace

std::unique_ptr<Dataset> MakeStoredImages(ImageStore store, std::int64_t limit) {
  const auto count = static_cast<std::int64_t>(store.labels.size());
  const std::int64_t size = limit > 0 ? std::min(limit, count) : count;
  return std::make_unique<StoredImages>(std::move(store), size);
}

}  // namespace ronde
