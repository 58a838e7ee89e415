#include "frontends/resnet/data/idx.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <span>

#include <zlib.h>

#include "core/base/strcat.h"

namespace ronde {
namespace {

constexpr std::size_t kChunkBytes = 1 << 20;

struct CloseGzip {
  void operator()(gzFile_s* file) const { gzclose_r(file); }
};
using GzipFile = std::unique_ptr<gzFile_s, CloseGzip>;

Status Bad(const std::string& path, const std::string& what) {
  return Status::InvalidArgument(StrCat(path, ": ", what));
}

std::string Hex(std::uint32_t value) {
  std::array<char, 16> text = {};
  std::snprintf(text.data(), text.size(), "0x%08x", value);
  return text.data();
}

// Bytes read, fewer than wanted at the end of the file or where the stream is damaged.
std::size_t ReadUpTo(gzFile_s* file, std::span<std::uint8_t> out) {
  const int got = gzread(file, out.data(), static_cast<unsigned>(out.size()));
  return got < 0 ? 0 : static_cast<std::size_t>(got);
}

Result<std::uint32_t> ReadWord(gzFile_s* file, const std::string& path) {
  std::array<std::uint8_t, 4> bytes = {};
  if (ReadUpTo(file, bytes) != bytes.size()) {
    return Bad(path, "truncated in its header; fetch the file again");
  }
  return std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 |
         std::uint32_t{bytes[2]} << 8 | std::uint32_t{bytes[3]};
}

// Grows with the data that is there: a damaged header must not allocate what it claims.
Result<std::vector<std::uint8_t>> ReadValues(gzFile_s* file, const std::string& path,
                                             std::uint64_t expected) {
  std::vector<std::uint8_t> values;
  while (values.size() < expected) {
    const std::size_t before = values.size();
    const std::size_t want = std::min<std::uint64_t>(kChunkBytes, expected - before);
    values.resize(before + want);
    const std::size_t got = ReadUpTo(file, {values.data() + before, want});
    if (got < want) {
      return Bad(path, StrCat("truncated or damaged: expected ", expected, " bytes of data, got ",
                              before + got, "; fetch the file again"));
    }
  }
  std::array<std::uint8_t, 1> extra = {};
  if (ReadUpTo(file, extra) != 0) {
    return Bad(path, StrCat("holds more than the ", expected,
                            " bytes of data that its header announces; fetch the file again"));
  }
  int error = Z_OK;
  gzerror(file, &error);  // where the file is compressed, the end of its data has a checksum
  if (error != Z_OK && error != Z_STREAM_END) {
    return Bad(path,
               "truncated or damaged: its checksum is missing or wrong; fetch the file again");
  }
  return values;
}

}  // namespace

Result<IdxArray> ReadIdx(const std::string& path, int rank) {
  const GzipFile file(gzopen(path.c_str(), "rb"));
  if (file == nullptr) return Bad(path, StrCat("cannot be opened: ", std::strerror(errno)));
  gzbuffer(file.get(), kChunkBytes);

  RONDE_ASSIGN_OR_RETURN(const std::uint32_t magic, ReadWord(file.get(), path));
  const std::uint32_t expected_magic = 0x0800U | static_cast<std::uint32_t>(rank);
  if (magic != expected_magic) {
    return Bad(path, StrCat("wrong magic ", Hex(magic), ", expected ", Hex(expected_magic),
                            " (IDX, unsigned bytes, ", rank, " dimension", rank == 1 ? "" : "s",
                            "); this is another kind of file"));
  }
  IdxArray array;
  std::uint64_t count = 1;
  for (int i = 0; i < rank; ++i) {
    RONDE_ASSIGN_OR_RETURN(const std::uint32_t extent, ReadWord(file.get(), path));
    array.dimensions.push_back(extent);
    if (__builtin_mul_overflow(count, std::uint64_t{extent}, &count)) {
      return Bad(path, "impossible dimensions in its header; fetch the file again");
    }
  }
  RONDE_ASSIGN_OR_RETURN(array.values, ReadValues(file.get(), path, count));
  return array;
}

}  // namespace ronde
