#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "core/base/status.h"

namespace ronde {

enum class Split { kTraining, kValidation };

/// What all images of a data set have in common.
struct DatasetTraits {
  int channels = 1;
  int height = 28;
  int width = 28;
  int classes = 10;
  std::array<float, 3> mean = {0, 0, 0};  ///< per channel, of pixels scaled to 0..1
  std::array<float, 3> deviation = {1, 1, 1};

  [[nodiscard]] std::int64_t pixels() const { return std::int64_t{channels} * height * width; }
};

/// The labelled images of one split. Thread rule: immutable.
class Dataset {
 public:
  virtual ~Dataset() = default;
  [[nodiscard]] virtual const DatasetTraits& traits() const = 0;
  [[nodiscard]] virtual std::int64_t size() const = 0;
  /// 0 .. classes-1.
  [[nodiscard]] virtual int Label(std::int64_t index) const = 0;
  /// Image `index` as height x width x channels bytes into `out`, traits().pixels() long.
  virtual void ReadImage(std::int64_t index, std::span<std::uint8_t> out) const = 0;
};

struct DatasetRequest {
  std::string name;       ///< "fashion-mnist", "cifar10", "cifar100", "imagefolder", "synthetic"
  std::string directory;  ///< of the data set's files
  Split split = Split::kTraining;
  std::int64_t limit = 0;     ///< only the first so many images; 0: all
  std::uint64_t seed = 1;     ///< of synthetic images
  int image_size = 32;        ///< imagefolder: height and width to which images are scaled
  bool large_images = false;  ///< synthetic: 3x224x224, 1000 classes; else 3x32x32, 10 classes
};

/// Errors: kInvalidArgument, one line that names the file and what is wrong with it.
[[nodiscard]] Result<std::unique_ptr<Dataset>> LoadDataset(const DatasetRequest& request);

}  // namespace ronde
