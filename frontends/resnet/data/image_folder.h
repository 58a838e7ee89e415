#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "core/base/status.h"
#include "frontends/resnet/data/dataset.h"

namespace ronde {

/// A folder of images: one class per folder in train/, see ListImageFolder. All images are decoded
/// once, cut to their central square, scaled to image_size x image_size and kept in memory, three
/// bytes a pixel; `limit` takes the classes in turn.
/// Normalisation: ImageNet's, (0.485, 0.456, 0.406) and (0.229, 0.224, 0.225) per channel.
/// Errors: as ListImageFolder and ReadImageFile; of several bad files, the first in order.
[[nodiscard]] Result<std::unique_ptr<Dataset>> LoadImageFolder(const std::string& directory,
                                                               Split split, std::int64_t limit,
                                                               int image_size);

}  // namespace ronde
