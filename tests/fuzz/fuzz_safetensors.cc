// The JSON header of a safetensors file; its first byte says how many bytes of values follow.
#include <array>

#include "frontends/resnet/weights/safetensors_header.h"
#include "frontends/resnet/weights/tensor_layout.h"
#include "tests/fuzz/fuzz_target.h"

namespace ronde {
namespace {

// Entries follow each other without holes, and each has the bytes of its shape.
void CheckEntries(const SafetensorsHeader& header, std::uint64_t data_bytes) {
  std::uint64_t covered = 0;
  for (const SafetensorsEntry& entry : header.entries) {
    FUZZ_REQUIRE(entry.begin == covered && entry.end >= entry.begin);
    FUZZ_REQUIRE(ElementBytes(entry.dtype) > 0);
    std::uint64_t size_bytes = ElementBytes(entry.dtype);
    for (const std::int64_t extent : entry.shape) {
      FUZZ_REQUIRE(extent >= 0);
      size_bytes *= static_cast<std::uint64_t>(extent);
    }
    FUZZ_REQUIRE(size_bytes == entry.end - entry.begin);
    covered = entry.end;
  }
  FUZZ_REQUIRE(covered == data_bytes);
}

void CheckSurvivesWriting(const SafetensorsHeader& header, std::uint64_t data_bytes) {
  const Result<std::string> text = FormatSafetensorsHeader(header);
  if (!text.ok()) return;
  FUZZ_REQUIRE(text.value().size() % kSafetensorsLengthBytes == 0);
  const Result<SafetensorsHeader> again = ParseSafetensorsHeader(
      std::string_view(text.value()).substr(kSafetensorsLengthBytes), data_bytes);
  FUZZ_REQUIRE(again.ok());
  FUZZ_REQUIRE(again.value().metadata == header.metadata);
  FUZZ_REQUIRE(again.value().entries.size() == header.entries.size());
  CheckEntries(again.value(), data_bytes);
}

int FuzzSafetensors(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::uint64_t data_bytes = data[0];
  const std::string_view json(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Result<SafetensorsHeader> header = ParseSafetensorsHeader(json, data_bytes);
  if (!header.ok()) {
    FUZZ_REQUIRE(header.status().code() == StatusCode::kInvalidArgument);
    FUZZ_REQUIRE(!header.status().message().empty());
    FUZZ_REQUIRE(header.status().message().find('\n') == std::string::npos);
    return 0;
  }
  CheckEntries(header.value(), data_bytes);
  CheckSurvivesWriting(header.value(), data_bytes);
  return 0;
}

std::vector<std::string> SafetensorsSeeds() {
  using namespace std::string_literals;
  return {"\0{}"s,
          "\0{\"__metadata__\":{\"format\":\"pt\"},\"e\":{\"dtype\":\"F64\",\"shape\":[0,3],"
          "\"data_offsets\":[0,0]}}   "s,
          "\x18{\"w\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]}}",
          "\x0d{\"t\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[0,8]},"
          "\"b\":{\"dtype\":\"BOOL\",\"shape\":[3],\"data_offsets\":[8,11]},"
          "\"h\":{\"dtype\":\"BF16\",\"shape\":[1,1],\"data_offsets\":[11,13]}}"};
}

constexpr std::array<std::string_view, 16> kWords = {"\"__metadata__\":",
                                                     "\"dtype\":\"F16\"",
                                                     "\"shape\":[",
                                                     "\"data_offsets\":[0,8]",
                                                     "\"I8\"",
                                                     "\"U8\"",
                                                     "18446744073709551615",
                                                     "9223372036854775808",
                                                     "4294967296,4294967296",
                                                     "-1",
                                                     "0.5",
                                                     "null",
                                                     "{\"a\":",
                                                     "[[[[",
                                                     "\\u0000\\n",
                                                     "\xff"};

}  // namespace

const FuzzTarget kFuzzTarget = {&FuzzSafetensors, &SafetensorsSeeds, kWords};

}  // namespace ronde
