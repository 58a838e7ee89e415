#include "bench/collectives/cache.h"

#include <cstring>
#include <vector>

#if defined(__x86_64__)
#include <emmintrin.h>
#endif

namespace ronde::bench {

void EvictFromCache(const void* data, std::size_t size_bytes) {
#if defined(__x86_64__)
  constexpr std::size_t kLineBytes = 64;
  const auto* const bytes = static_cast<const std::byte*>(data);
  for (std::size_t i = 0; i < size_bytes; i += kLineBytes) _mm_clflush(bytes + i);
  _mm_clflush(bytes + size_bytes - (size_bytes > 0 ? 1 : 0));  // a last line that i steps over
  _mm_mfence();
#else
  // Without an instruction for it: read more than any last-level cache holds.
  static const std::vector<std::byte> other(256 << 20, std::byte{1});
  [[maybe_unused]] volatile std::uint64_t sink = ReadAll(other.data(), other.size());
  (void)data;
  (void)size_bytes;
#endif
}

std::uint64_t ReadAll(const void* data, std::size_t size_bytes) {
  const auto* bytes = static_cast<const std::byte*>(data);
  constexpr std::size_t kLanes = 8;  // independent sums, which compile to vector loads
  std::uint64_t sums[kLanes] = {};
  std::size_t done = 0;
  for (; done + sizeof(sums) <= size_bytes; done += sizeof(sums)) {
    std::uint64_t words[kLanes];
    std::memcpy(words, bytes + done, sizeof(words));
    for (std::size_t lane = 0; lane < kLanes; ++lane) sums[lane] += words[lane];
  }
  std::uint64_t sum = 0;
  for (; done < size_bytes; ++done) sum += static_cast<std::uint64_t>(bytes[done]);
  for (const std::uint64_t lane : sums) sum += lane;
  return sum;
}

}  // namespace ronde::bench
