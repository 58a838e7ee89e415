#include "frontends/resnet/data/fashion_mnist.h"

#include <filesystem>
#include <utility>
#include <vector>

#include "core/base/strcat.h"
#include "frontends/resnet/data/idx.h"
#include "frontends/resnet/data/stored_images.h"

namespace ronde {
namespace {

constexpr int kSide = 28;
constexpr int kClasses = 10;
constexpr DatasetTraits kTraits = {1, kSide, kSide, kClasses, {0.2860F, 0, 0}, {0.3530F, 1, 1}};

// The compressed file where it exists, else the plain one.
Result<std::string> FindFile(const std::string& directory, const std::string& name) {
  const std::filesystem::path plain = std::filesystem::path(directory) / name;
  const std::string compressed = plain.string() + ".gz";
  std::error_code ignored;
  if (std::filesystem::exists(compressed, ignored)) return compressed;
  if (std::filesystem::exists(plain, ignored)) return plain.string();
  return Status::InvalidArgument(
      StrCat(compressed,
             ": no such file; install Debian's package dataset-fashion-mnist, or name "
             "the folder that has it with --data-dir"));
}

Status CheckShape(const std::string& images_path, const IdxArray& images,
                  const std::string& labels_path, const IdxArray& labels) {
  const std::vector<std::uint32_t>& shape = images.dimensions;
  if (shape[1] != kSide || shape[2] != kSide) {
    return Status::InvalidArgument(StrCat(images_path, ": images of ", shape[1], "x", shape[2],
                                          ", expected 28x28; this is not Fashion-MNIST"));
  }
  if (labels.dimensions[0] != shape[0]) {
    return Status::InvalidArgument(StrCat(labels_path, ": ", labels.dimensions[0],
                                          " labels, expected ", shape[0], " as in ", images_path,
                                          "; fetch both files again"));
  }
  for (std::size_t i = 0; i < labels.values.size(); ++i) {
    if (labels.values[i] >= kClasses) {
      return Status::InvalidArgument(StrCat(labels_path, ": label ", int{labels.values[i]},
                                            " of image ", i,
                                            " is out of range, expected 0 to 9; fetch it again"));
    }
  }
  return Status::Ok();
}

}  // namespace

Result<std::unique_ptr<Dataset>> LoadFashionMnist(const std::string& directory, Split split,
                                                  std::int64_t limit) {
  const std::string prefix = split == Split::kTraining ? "train" : "t10k";
  RONDE_ASSIGN_OR_RETURN(const std::string images_path,
                         FindFile(directory, prefix + "-images-idx3-ubyte"));
  RONDE_ASSIGN_OR_RETURN(const std::string labels_path,
                         FindFile(directory, prefix + "-labels-idx1-ubyte"));
  RONDE_ASSIGN_OR_RETURN(IdxArray images, ReadIdx(images_path, 3));
  RONDE_ASSIGN_OR_RETURN(IdxArray labels, ReadIdx(labels_path, 1));
  RONDE_RETURN_IF_ERROR(CheckShape(images_path, images, labels_path, labels));

  ImageStore store{kTraits, std::move(images.values), {}};
  store.labels.assign(labels.values.begin(), labels.values.end());
  return MakeStoredImages(std::move(store), limit);
}

}  // namespace ronde
