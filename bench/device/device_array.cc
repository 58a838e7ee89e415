#include "bench/device/device_array.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace ronde::bench {
namespace {

// Of a prime length, so that no block of a kernel finds the values of another in its place.
constexpr std::int64_t kPeriod = 65521;

}  // namespace

std::vector<std::byte> RandomElements(DataType dtype, std::int64_t count, std::uint32_t seed) {
  std::vector<std::byte> bytes(static_cast<std::size_t>(count) * SizeOf(dtype));
  // What a 16-bit sum can still hold; an integer has no fractions.
  const int spread = !IsFloatingPoint(dtype) ? 0 : SizeOf(dtype) == 2 ? 4 : 20;
  std::uint32_t state = seed * 2654435761u + 1;
  const std::int64_t drawn = std::min(count, kPeriod);
  for (std::int64_t i = 0; i < drawn; ++i) {
    state = state * 1664525u + 1013904223u;
    const int exponent = static_cast<int>((state >> 12) % (2 * spread + 1)) - spread;
    StoreAs(bytes.data(), i, dtype, std::ldexp((state >> 20) % 32 + 1, exponent));
    // StoreAs knows positive values only; the sign is the highest bit of the last byte.
    if ((state >> 30 & 1) != 0 && IsFloatingPoint(dtype)) {
      bytes[static_cast<std::size_t>(i + 1) * SizeOf(dtype) - 1] ^= std::byte{0x80};
    }
  }
  const std::size_t period_bytes = static_cast<std::size_t>(drawn) * SizeOf(dtype);
  for (std::size_t done = period_bytes; done < bytes.size(); done += period_bytes) {
    std::memcpy(bytes.data() + done, bytes.data(), std::min(period_bytes, bytes.size() - done));
  }
  return bytes;
}

std::int64_t CountDifferent(const std::byte* a, const std::byte* b, std::int64_t count,
                            std::size_t element_bytes) {
  const auto bytes = static_cast<std::size_t>(count) * element_bytes;
  if (std::memcmp(a, b, bytes) == 0) return 0;
  std::int64_t different = 0;
  for (std::size_t at = 0; at < bytes; at += element_bytes) {
    if (std::memcmp(a + at, b + at, element_bytes) != 0) ++different;
  }
  return different;
}

}  // namespace ronde::bench
