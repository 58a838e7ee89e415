#include "frontends/resnet/data/image_folder.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "frontends/resnet/data/image_file.h"
#include "frontends/resnet/data/image_folder_index.h"
#include "frontends/resnet/data/resize.h"
#include "frontends/resnet/data/stored_images.h"

namespace ronde {
namespace {

constexpr unsigned kMaxThreads = 4;

// Decodes files on a few threads, each image into its own place.
// Thread rule: Run() by one caller; failures are guarded by mutex_.
class Decoder {
 public:
  Decoder(const std::vector<LabelledFile>& files, int side, std::span<std::uint8_t> pixels)
      : files_(files), side_(side), pixels_(pixels), first_bad_(files.size()) {}

  Status Run() {
    std::vector<std::thread> threads;
    const unsigned wanted = std::clamp(std::thread::hardware_concurrency(), 1U, kMaxThreads);
    for (unsigned i = 1; i < wanted; ++i) threads.emplace_back([this] { Work(); });
    Work();
    for (std::thread& thread : threads) thread.join();
    return failure_;
  }

 private:
  // Files are taken in order: when one is bad, all before it have been taken, so that the one that
  // is reported does not depend on timing.
  void Work() {
    // Relaxed: these only hand out numbers; join() publishes the pixels.
    while (true) {
      const std::size_t index = next_.fetch_add(1, std::memory_order_relaxed);
      if (index >= first_bad_.load(std::memory_order_relaxed)) return;
      const Status status = DecodeOne(index);
      if (!status.ok()) Report(index, status);
    }
  }

  Status DecodeOne(std::size_t index) const {
    RONDE_ASSIGN_OR_RETURN(const RgbImage image, ReadImageFile(files_[index].path, side_));
    const std::size_t size = pixels_.size() / files_.size();
    CropAndResize(image, side_, pixels_.subspan(index * size, size));
    return Status::Ok();
  }

  void Report(std::size_t index, const Status& status) {
    const std::lock_guard lock(mutex_);
    if (index >= first_bad_.load(std::memory_order_relaxed)) return;
    first_bad_.store(index, std::memory_order_relaxed);
    failure_ = status;
  }

  const std::vector<LabelledFile>& files_;
  const int side_;
  const std::span<std::uint8_t> pixels_;
  std::atomic<std::size_t> next_ = 0;
  std::atomic<std::size_t> first_bad_;  // files_.size(): none
  std::mutex mutex_;
  Status failure_;  // guarded by mutex_
};

}  // namespace

Result<std::unique_ptr<Dataset>> LoadImageFolder(const std::string& directory, Split split,
                                                 std::int64_t limit, int image_size) {
  RONDE_ASSIGN_OR_RETURN(ImageFolderIndex index, ListImageFolder(directory, split));
  const auto count = static_cast<std::int64_t>(index.files.size());
  if (limit > 0) index.files.resize(static_cast<std::size_t>(std::min(limit, count)));

  ImageStore store;
  store.traits = {3,
                  image_size,
                  image_size,
                  static_cast<int>(index.classes.size()),
                  {0.485F, 0.456F, 0.406F},
                  {0.229F, 0.224F, 0.225F}};
  store.pixels.resize(index.files.size() * static_cast<std::size_t>(store.traits.pixels()));
  RONDE_RETURN_IF_ERROR(Decoder(index.files, image_size, store.pixels).Run());
  for (const LabelledFile& file : index.files) store.labels.push_back(file.label);
  return MakeStoredImages(std::move(store), 0);
}

}  // namespace ronde
