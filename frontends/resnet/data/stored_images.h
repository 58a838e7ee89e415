#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "frontends/resnet/data/dataset.h"

namespace ronde {

/// What a data set keeps in memory: images of traits.pixels() bytes, one after the other, each
/// height x width x channels, and one label per image (0 .. classes-1).
struct ImageStore {
  DatasetTraits traits;
  std::vector<std::uint8_t> pixels;
  std::vector<int> labels;
};

/// The first `limit` images of `store`; 0: all.
[[nodiscard]] std::unique_ptr<Dataset> MakeStoredImages(ImageStore store, std::int64_t limit);

}  // namespace ronde
