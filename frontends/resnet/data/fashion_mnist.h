#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "core/base/status.h"
#include "frontends/resnet/data/dataset.h"

namespace ronde {

/// Where Debian's package dataset-fashion-mnist puts its four files.
inline constexpr const char* kFashionMnistDirectory = "/usr/share/datasets/fashion-mnist";

/// 60,000 + 10,000 grey images of clothes, 28x28, 10 classes, from IDX files in `directory`
/// (train-images-idx3-ubyte[.gz], ..., t10k-labels-idx1-ubyte[.gz]).
/// Errors: kInvalidArgument: as ReadIdx; images and labels differ in number; image size; a label
/// above 9.
/// Source: Xiao, Rasul & Vollgraf, arXiv:1708.07747.
[[nodiscard]] Result<std::unique_ptr<Dataset>> LoadFashionMnist(const std::string& directory,
                                                                Split split, std::int64_t limit);

}  // namespace ronde
