#include "frontends/resnet/data/cifar.h"

#include <filesystem>
#include <utility>
#include <vector>

#include "core/base/strcat.h"
#include "frontends/resnet/data/file_bytes.h"
#include "frontends/resnet/data/stored_images.h"

namespace ronde {
namespace {

constexpr int kSide = 32;
constexpr std::size_t kPlane = std::size_t{kSide} * kSide;
constexpr std::size_t kChannels = 3;

struct Format {
  std::string title;
  std::string archive;  // where its files come from
  std::vector<std::string> training_files;
  std::string validation_file;
  std::vector<int> label_ranges;  // of the labels before the pixels; the last one is used
  DatasetTraits traits;

  [[nodiscard]] std::size_t record_bytes() const {
    return label_ranges.size() + kChannels * kPlane;
  }
};

Format FormatOf(CifarKind kind) {
  if (kind == CifarKind::kCifar10) {
    return {"CIFAR-10",
            "cifar-10-binary.tar.gz",
            {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin",
             "data_batch_5.bin"},
            "test_batch.bin",
            {10},
            {3, kSide, kSide, 10, {0.4914F, 0.4822F, 0.4465F}, {0.2470F, 0.2435F, 0.2616F}}};
  }
  return {"CIFAR-100",
          "cifar-100-binary.tar.gz",
          {"train.bin"},
          "test.bin",
          {20, 100},
          {3, kSide, kSide, 100, {0.5071F, 0.4865F, 0.4409F}, {0.2673F, 0.2564F, 0.2762F}}};
}

Status Bad(const std::string& path, const std::string& what) {
  return Status::InvalidArgument(StrCat(path, ": ", what));
}

Status CheckSize(const std::string& path, std::size_t size, const Format& format) {
  const std::size_t record = format.record_bytes();
  if (size > 0 && size % record == 0) return Status::Ok();
  return Bad(path, StrCat("truncated, or not ", format.title, "'s binary version: expected a ",
                          "multiple of ", record, " bytes, got ", size, "; unpack it from ",
                          format.archive, " again"));
}

Status CheckLabels(const std::string& path, const std::uint8_t* record, std::size_t image,
                   const Format& format) {
  for (std::size_t i = 0; i < format.label_ranges.size(); ++i) {
    const int range = format.label_ranges[i];
    if (record[i] >= range) {
      return Bad(path, StrCat("label ", int{record[i]}, " of image ", image,
                              " is out of range, expected 0 to ", range - 1, "; unpack it from ",
                              format.archive, " again"));
    }
  }
  return Status::Ok();
}

// The file has all of an image's red bytes first, then green, then blue.
void Interleave(const std::uint8_t* planes, std::uint8_t* out) {
  for (std::size_t at = 0; at < kPlane; ++at) {
    for (std::size_t c = 0; c < kChannels; ++c) *out++ = planes[c * kPlane + at];
  }
}

Status AppendFile(const std::string& path, const Format& format, ImageStore& store) {
  Result<std::vector<std::uint8_t>> bytes = ReadFileBytes(path);
  if (!bytes.ok()) {
    return Status::InvalidArgument(StrCat(bytes.status().message(), "; name the folder with ",
                                          format.title, "'s binary version (", format.archive,
                                          ", unpacked) with --data-dir"));
  }
  const std::vector<std::uint8_t>& contents = bytes.value();
  RONDE_RETURN_IF_ERROR(CheckSize(path, contents.size(), format));
  const std::size_t labels = format.label_ranges.size();
  const std::size_t count = contents.size() / format.record_bytes();
  const std::size_t before = store.pixels.size();
  store.pixels.resize(before + count * kChannels * kPlane);
  for (std::size_t image = 0; image < count; ++image) {
    const std::uint8_t* record = contents.data() + image * format.record_bytes();
    RONDE_RETURN_IF_ERROR(CheckLabels(path, record, image, format));
    store.labels.push_back(record[labels - 1]);
    Interleave(record + labels, store.pixels.data() + before + image * kChannels * kPlane);
  }
  return Status::Ok();
}

}  // namespace

Result<std::unique_ptr<Dataset>> LoadCifar(CifarKind kind, const std::string& directory,
                                           Split split, std::int64_t limit) {
  const Format format = FormatOf(kind);
  const std::vector<std::string> names = split == Split::kTraining
                                             ? format.training_files
                                             : std::vector<std::string>{format.validation_file};
  ImageStore store;
  store.traits = format.traits;
  for (const std::string& name : names) {
    const std::string path = (std::filesystem::path(directory) / name).string();
    RONDE_RETURN_IF_ERROR(AppendFile(path, format, store));
  }
  return MakeStoredImages(std::move(store), limit);
}

}  // namespace ronde
