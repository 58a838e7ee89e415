#include "frontends/resnet/data/image_file.h"

#include <png.h>
#include <strings.h>
#include <turbojpeg.h>

#include <algorithm>
#include <array>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>

#include "core/base/strcat.h"
#include "frontends/resnet/data/file_bytes.h"

namespace ronde {
namespace {

constexpr std::int64_t kMaxPixels = 100'000'000;
constexpr std::array<std::uint8_t, 3> kJpegStart = {0xFF, 0xD8, 0xFF};
constexpr std::array<std::uint8_t, 4> kPngStart = {0x89, 'P', 'N', 'G'};

Status Bad(const std::string& path, const std::string& what) {
  return Status::InvalidArgument(StrCat(path, ": ", what));
}

Status Undecodable(const std::string& path, const char* kind, const char* reason) {
  return Bad(path, StrCat("expected a whole ", kind, " image, got one that cannot be decoded (",
                          reason, "); replace or remove it"));
}

template <std::size_t N>
bool StartsWith(std::span<const std::uint8_t> bytes, const std::array<std::uint8_t, N>& start) {
  return bytes.size() >= N && std::equal(start.begin(), start.end(), bytes.begin());
}

Status CheckExtent(const std::string& path, std::int64_t width, std::int64_t height) {
  if (width * height <= kMaxPixels) return Status::Ok();
  return Bad(path, StrCat("expected at most ", kMaxPixels, " pixels, got ", width, "x", height,
                          "; scale it down or remove it"));
}

struct DestroyDecoder {
  void operator()(void* decoder) const { tjDestroy(decoder); }
};
using JpegDecoder = std::unique_ptr<std::remove_pointer_t<tjhandle>, DestroyDecoder>;

// Sets the image's size to that at which it will be decoded.
void ChooseJpegSize(int width, int height, int shortest_side, RgbImage& image) {
  image.width = width;
  image.height = height;
  int count = 0;
  const tjscalingfactor* factors = tjGetScalingFactors(&count);
  for (int i = 0; i < count; ++i) {
    const int scaled_width = TJSCALED(width, factors[i]);
    const int scaled_height = TJSCALED(height, factors[i]);
    const bool is_enough = std::min(scaled_width, scaled_height) >= shortest_side;
    if (is_enough && scaled_width < image.width) {
      image.width = scaled_width;
      image.height = scaled_height;
    }
  }
}

Result<RgbImage> DecodeJpeg(const std::string& path, std::span<const std::uint8_t> bytes,
                            int shortest_side) {
  const JpegDecoder decoder(tjInitDecompress());
  int width = 0;
  int height = 0;
  int subsampling = 0;
  int colours = 0;
  if (tjDecompressHeader3(decoder.get(), bytes.data(), bytes.size(), &width, &height, &subsampling,
                          &colours) != 0) {
    return Undecodable(path, "JPEG", tjGetErrorStr2(decoder.get()));
  }
  RONDE_RETURN_IF_ERROR(CheckExtent(path, width, height));
  RgbImage image;
  ChooseJpegSize(width, height, shortest_side, image);
  image.pixels.resize(static_cast<std::size_t>(image.width) * image.height * 3);
  // Without the flag the decoder may choose a transform whose bits depend on the CPU.
  if (tjDecompress2(decoder.get(), bytes.data(), bytes.size(), image.pixels.data(), image.width,
                    /*pitch=*/0, image.height, TJPF_RGB, TJFLAG_ACCURATEDCT) != 0) {
    return Undecodable(path, "JPEG", tjGetErrorStr2(decoder.get()));
  }
  return image;
}

struct FreePng {
  void operator()(png_image* reader) const { png_image_free(reader); }
};

Result<RgbImage> DecodePng(const std::string& path, std::span<const std::uint8_t> bytes) {
  png_image reader = {};
  reader.version = PNG_IMAGE_VERSION;
  const std::unique_ptr<png_image, FreePng> owner(&reader);
  if (png_image_begin_read_from_memory(&reader, bytes.data(), bytes.size()) == 0) {
    return Undecodable(path, "PNG", reader.message);
  }
  RONDE_RETURN_IF_ERROR(CheckExtent(path, reader.width, reader.height));
  reader.format = PNG_FORMAT_RGB;
  RgbImage image{static_cast<int>(reader.height), static_cast<int>(reader.width), {}};
  image.pixels.resize(PNG_IMAGE_SIZE(reader));
  const png_color black = {0, 0, 0};
  if (png_image_finish_read(&reader, &black, image.pixels.data(), /*row_stride=*/0, nullptr) == 0) {
    return Undecodable(path, "PNG", reader.message);
  }
  return image;
}

}  // namespace

bool HasImageExtension(const std::string& path) {
  for (const std::string extension : {".jpg", ".jpeg", ".png"}) {
    if (path.size() > extension.size() &&
        strcasecmp(path.c_str() + path.size() - extension.size(), extension.c_str()) == 0) {
      return true;
    }
  }
  return false;
}

Result<RgbImage> ReadImageFile(const std::string& path, int shortest_side) {
  const Result<std::vector<std::uint8_t>> read = ReadFileBytes(path);
  if (!read.ok()) {
    return Status::InvalidArgument(StrCat(read.status().message(), "; allow it or remove it"));
  }
  const std::vector<std::uint8_t>& bytes = read.value();
  if (StartsWith(bytes, kJpegStart)) return DecodeJpeg(path, bytes, shortest_side);
  if (StartsWith(bytes, kPngStart)) return DecodePng(path, bytes);
  return Bad(path, StrCat("expected a JPEG or PNG image, got another kind of file of ",
                          bytes.size(), " bytes; replace or remove it"));
}

}  // namespace ronde
