#pragma once

#include <png.h>
#include <turbojpeg.h>

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace ronde {

/// A colour for every pixel: height x width x 3 bytes.
inline std::vector<std::uint8_t> PlainColour(int height, int width, std::uint8_t red,
                                             std::uint8_t green, std::uint8_t blue) {
  std::vector<std::uint8_t> pixels;
  for (int i = 0; i < height * width; ++i) pixels.insert(pixels.end(), {red, green, blue});
  return pixels;
}

inline void MakeFoldersFor(const std::string& path) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
}

/// `format`: PNG_FORMAT_RGB, PNG_FORMAT_RGBA, PNG_FORMAT_GRAY.
inline void WritePng(const std::string& path, int height, int width,
                     const std::vector<std::uint8_t>& pixels,
                     std::uint32_t format = PNG_FORMAT_RGB) {
  MakeFoldersFor(path);
  png_image image = {};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<std::uint32_t>(width);
  image.height = static_cast<std::uint32_t>(height);
  image.format = format;
  png_image_write_to_file(&image, path.c_str(), 0, pixels.data(), 0, nullptr);
}

/// `subsampling`: TJSAMP_444 (colour), TJSAMP_GRAY.
inline void WriteJpeg(const std::string& path, int height, int width,
                      const std::vector<std::uint8_t>& pixels, int subsampling = TJSAMP_444) {
  MakeFoldersFor(path);
  tjhandle encoder = tjInitCompress();
  unsigned char* bytes = nullptr;
  unsigned long size = 0;  // NOLINT(google-runtime-int): the library's type
  tjCompress2(encoder, pixels.data(), width, 0, height, TJPF_RGB, &bytes, &size, subsampling, 95,
              TJFLAG_ACCURATEDCT);
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(bytes), static_cast<std::streamsize>(size));
  tjFree(bytes);
  tjDestroy(encoder);
}

}  // namespace ronde
