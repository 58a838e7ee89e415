#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/status.h"
#include "frontends/resnet/data/dataset.h"

namespace ronde {

struct LabelledFile {
  std::string path;
  int label = 0;
};

/// The files of one split of a folder of images, and what their labels mean.
struct ImageFolderIndex {
  std::vector<std::string> classes;  ///< the folders in train/, sorted by name; label i is the i-th
  /// The first file of every class, then the second of every class, ...: whoever takes the first N
  /// gets all classes. Within a class by name.
  std::vector<LabelledFile> files;
};

/// Lists `directory`/train/<class>/ or `directory`/val/<class>/: names that end in .jpg, .jpeg or
/// .png; other files, hidden ones and deeper folders are left out. A class may lack validation
/// images, not training images.
/// Errors: kInvalidArgument, one line with the folder, what was expected, what was found and what
/// to do: no such folder, fewer than two class folders, a class without training images, a
/// validation class that is not in train/, no validation images.
[[nodiscard]] Result<ImageFolderIndex> ListImageFolder(const std::string& directory, Split split);

}  // namespace ronde
