// IDX files, compressed and plain. The reader takes a path: the bytes are a file in memory.
#include <array>

#include <zlib.h>

#include "frontends/resnet/data/idx.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/memory_file.h"

namespace ronde {
namespace {

bool IsGzip(std::string_view bytes) { return bytes.substr(0, 2) == "\x1f\x8b"; }

// Whether `bytes` start with a whole gzip member whose checksum is right.
bool IsSoundGzip(std::string_view bytes) {
  z_stream stream = {};
  FUZZ_REQUIRE(inflateInit2(&stream, 16 + MAX_WBITS) == Z_OK);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  std::array<Bytef, 4096> out;
  int result = Z_OK;
  while (result == Z_OK) {
    stream.next_out = out.data();
    stream.avail_out = out.size();
    result = inflate(&stream, Z_NO_FLUSH);
  }
  inflateEnd(&stream);
  return result == Z_STREAM_END;
}

void CheckArray(const Result<IdxArray>& array, int rank, const std::string& path,
                std::string_view bytes) {
  if (!array.ok()) {
    FUZZ_REQUIRE(array.status().code() == StatusCode::kInvalidArgument);
    FUZZ_REQUIRE(array.status().message().find(path) != std::string::npos);
    FUZZ_REQUIRE(array.status().message().find('\n') == std::string::npos);
    return;
  }
  FUZZ_REQUIRE(array.value().dimensions.size() == static_cast<std::size_t>(rank));
  std::uint64_t count = 1;
  for (const std::uint32_t extent : array.value().dimensions) count *= extent;
  FUZZ_REQUIRE(array.value().values.size() == count);
  FUZZ_REQUIRE(!IsGzip(bytes) || IsSoundGzip(bytes));
}

int FuzzIdx(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  static MemoryFile file;
  file.Write(bytes);
  for (const int rank : {1, 3}) CheckArray(ReadIdx(file.path(), rank), rank, file.path(), bytes);
  return 0;
}

// As gzip writes it; level 0 stores, so that a mutation reaches the data behind the checksum.
std::string Gzip(const std::string& bytes, int level) {
  z_stream stream = {};
  FUZZ_REQUIRE(deflateInit2(&stream, level, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) ==
               Z_OK);
  std::string compressed(deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(compressed.data());
  stream.avail_out = static_cast<uInt>(compressed.size());
  FUZZ_REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  compressed.resize(stream.total_out);
  deflateEnd(&stream);
  return compressed;
}

std::vector<std::string> IdxSeeds() {
  using namespace std::string_literals;
  const std::string labels = "\0\0\x08\x01\0\0\0\x05\x09\x03\0\x01\x07"s;
  std::string images = "\0\0\x08\x03\0\0\0\x02\0\0\0\x04\0\0\0\x03"s;
  for (int i = 0; i < 2 * 4 * 3; ++i) images += static_cast<char>(11 * i);
  const std::string empty = "\0\0\x08\x01\0\0\0\0"s;
  return {labels,          images,          empty,          Gzip(labels, 0),
          Gzip(images, 0), Gzip(images, 9), Gzip(empty, 9), Gzip(labels, 9) + Gzip("x", 9)};
}

constexpr std::array<std::string_view, 4> kWords = {std::string_view("\0\0\x08\x01", 4),
                                                    std::string_view("\0\0\x08\x03", 4),
                                                    "\xff\xff\xff\xff", "\x1f\x8b"};

}  // namespace

const FuzzTarget kFuzzTarget = {&FuzzIdx, &IdxSeeds, kWords};

}  // namespace ronde
