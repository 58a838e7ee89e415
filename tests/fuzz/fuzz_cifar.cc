// The binary versions of CIFAR-10 and CIFAR-100. The reader takes a folder: its files are links to
// one file in memory.
#include <filesystem>

#include "frontends/resnet/data/cifar.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/memory_file.h"
#include "tests/support/temporary_folder.h"

namespace ronde {
namespace {

constexpr std::size_t kPlane = 32 * 32;

class CifarFolder {
 public:
  CifarFolder() {
    for (const char* name : {"test_batch.bin", "test.bin"}) {
      std::filesystem::create_symlink(file_.path(), folder_.File(name));
    }
  }
  [[nodiscard]] MemoryFile& file() { return file_; }
  [[nodiscard]] std::string path() const { return folder_.path(); }

 private:
  MemoryFile file_;
  TemporaryFolder folder_;
};

// Image `index` is record `index`, its planes interleaved.
void CheckImage(const Dataset& images, std::int64_t index, std::string_view record) {
  const std::size_t labels = record.size() - 3 * kPlane;
  const int label = images.Label(index);
  FUZZ_REQUIRE(label >= 0 && label < images.traits().classes);
  FUZZ_REQUIRE(label == static_cast<std::uint8_t>(record[labels - 1]));
  std::vector<std::uint8_t> pixels(3 * kPlane);
  images.ReadImage(index, pixels);
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    const char expected = record[labels + i % 3 * kPlane + i / 3];
    FUZZ_REQUIRE(pixels[i] == static_cast<std::uint8_t>(expected));
  }
}

void CheckKind(CifarKind kind, const std::string& folder, std::string_view bytes) {
  const Result<std::unique_ptr<Dataset>> images = LoadCifar(kind, folder, Split::kValidation, 0);
  if (!images.ok()) {
    FUZZ_REQUIRE(images.status().code() == StatusCode::kInvalidArgument);
    FUZZ_REQUIRE(images.status().message().find(folder) != std::string::npos);
    FUZZ_REQUIRE(images.status().message().find('\n') == std::string::npos);
    return;
  }
  const std::size_t record = (kind == CifarKind::kCifar10 ? 1 : 2) + 3 * kPlane;
  const std::int64_t size = images.value()->size();
  FUZZ_REQUIRE(size > 0 && static_cast<std::size_t>(size) * record == bytes.size());
  for (std::int64_t i = 0; i < size; ++i) {
    CheckImage(*images.value(), i, bytes.substr(static_cast<std::size_t>(i) * record, record));
  }
}

int FuzzCifar(const std::uint8_t* data, std::size_t size) {
  static CifarFolder folder;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  folder.file().Write(bytes);
  CheckKind(CifarKind::kCifar10, folder.path(), bytes);
  CheckKind(CifarKind::kCifar100, folder.path(), bytes);
  return 0;
}

std::string Record(const std::string& labels) {
  std::string record = labels;
  for (std::size_t i = 0; i < 3 * kPlane; ++i) record += static_cast<char>(i * 7 + i / kPlane);
  return record;
}

std::vector<std::string> CifarSeeds() {
  using namespace std::string_literals;
  return {Record("\x09"s), Record("\0"s) + Record("\x05"s), Record("\x13\x63"s),
          Record("\0\x07"s) + Record("\x02\x0b"s)};
}

}  // namespace

const FuzzTarget kFuzzTarget = {&FuzzCifar, &CifarSeeds, {}};

}  // namespace ronde
