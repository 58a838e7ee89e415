#pragma once

#include <memory>

#include "core/base/status.h"
#include "frontends/resnet/data/dataset.h"

namespace ronde {

/// 50,000 + 10,000 images made on demand from (seed, split, index): each class has a coarse random
/// pattern, each image adds noise, so that a network can learn them. Nothing is stored.
[[nodiscard]] Result<std::unique_ptr<Dataset>> MakeSynthetic(const DatasetRequest& request);

}  // namespace ronde
