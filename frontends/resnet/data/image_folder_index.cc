#include "frontends/resnet/data/image_folder_index.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "core/base/strcat.h"
#include "frontends/resnet/data/image_file.h"

namespace ronde {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLayout = "DIR/train/CLASS/*.jpg|jpeg|png and DIR/val/CLASS/... ";

Status Bad(const fs::path& path, const std::string& what) {
  return Status::InvalidArgument(StrCat(path.string(), ": ", what));
}

// The names in `folder` that are folders or are not, sorted bytewise, without hidden ones.
Result<std::vector<std::string>> ListNames(const fs::path& folder, bool folders) {
  std::vector<std::string> names;
  std::error_code error;
  fs::directory_iterator entry(folder, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    std::error_code ignored;  // a dangling link is a file, and an error when it is read
    if (name[0] != '.' && entry->is_directory(ignored) == folders) names.push_back(name);
  }
  if (error) {
    return Bad(folder, StrCat("cannot be read as a folder: ", error.message(), "; expected ",
                              kLayout, "under --data-dir DIR"));
  }
  std::sort(names.begin(), names.end());
  return names;
}

Result<std::vector<std::string>> ListClasses(const fs::path& training) {
  RONDE_ASSIGN_OR_RETURN(std::vector<std::string> classes, ListNames(training, /*folders=*/true));
  if (classes.size() >= 2) return classes;
  return Bad(training, StrCat("expected at least 2 class folders, got ", classes.size(), "; make ",
                              kLayout, "under --data-dir DIR"));
}

Result<std::vector<std::string>> ListImages(const fs::path& folder) {
  RONDE_ASSIGN_OR_RETURN(std::vector<std::string> names, ListNames(folder, /*folders=*/false));
  std::erase_if(names, [](const std::string& name) { return !HasImageExtension(name); });
  for (std::string& name : names) name = (folder / name).string();
  return names;
}

// Every folder of the split is a class, so that no image is left out by a slip of the pen.
Status CheckValidationClasses(const fs::path& validation, const std::vector<std::string>& classes) {
  RONDE_ASSIGN_OR_RETURN(const std::vector<std::string> found,
                         ListNames(validation, /*folders=*/true));
  for (const std::string& name : found) {
    if (!std::binary_search(classes.begin(), classes.end(), name)) {
      return Bad(validation / name,
                 StrCat("expected one of the ", classes.size(), " classes in train/, got '", name,
                        "'; rename or remove it, or give the class training images"));
    }
  }
  return Status::Ok();
}

std::vector<LabelledFile> TakeInTurns(const std::vector<std::vector<std::string>>& by_class) {
  std::vector<LabelledFile> files;
  bool took = true;
  for (std::size_t turn = 0; took; ++turn) {
    took = false;
    for (std::size_t label = 0; label < by_class.size(); ++label) {
      if (turn >= by_class[label].size()) continue;
      files.push_back({by_class[label][turn], static_cast<int>(label)});
      took = true;
    }
  }
  return files;
}

}  // namespace

Result<ImageFolderIndex> ListImageFolder(const std::string& directory, Split split) {
  const fs::path training = fs::path(directory) / "train";
  const fs::path validation = fs::path(directory) / "val";
  const bool is_training = split == Split::kTraining;
  const fs::path& folder = is_training ? training : validation;
  ImageFolderIndex index;
  RONDE_ASSIGN_OR_RETURN(index.classes, ListClasses(training));
  if (!is_training) RONDE_RETURN_IF_ERROR(CheckValidationClasses(validation, index.classes));

  std::vector<std::vector<std::string>> by_class;
  for (const std::string& name : index.classes) {
    const fs::path class_folder = folder / name;
    std::vector<std::string> images;
    std::error_code ignored;
    if (is_training || fs::exists(class_folder, ignored)) {
      RONDE_ASSIGN_OR_RETURN(images, ListImages(class_folder));
    }
    if (is_training && images.empty()) {
      return Bad(class_folder,
                 "expected .jpg, .jpeg or .png files, got none; add some or remove the folder");
    }
    by_class.push_back(std::move(images));
  }
  index.files = TakeInTurns(by_class);
  if (index.files.empty()) {
    return Bad(folder, StrCat("expected images, got none; make ", kLayout, "under --data-dir DIR"));
  }
  return index;
}

}  // namespace ronde
