#include "collectives/shared/stream_copy.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace ronde {

#if defined(__SSE2__)

void StreamCopy(std::byte* to, const std::byte* from, std::size_t size_bytes) {
  constexpr std::size_t kLineBytes = 64;
  constexpr std::size_t kVectorBytes = sizeof(__m128i);
  // Up to the first whole line: a line that is written in part costs more than a fetched one.
  const std::size_t skew = reinterpret_cast<std::uintptr_t>(to) % kLineBytes;
  const std::size_t head = std::min(size_bytes, (kLineBytes - skew) % kLineBytes);
  if (head > 0) std::memcpy(to, from, head);
  std::size_t done = head;
  for (; done + kLineBytes <= size_bytes; done += kLineBytes) {
    const auto* const source = reinterpret_cast<const __m128i*>(from + done);
    auto* const target = reinterpret_cast<__m128i*>(to + done);
    for (std::size_t i = 0; i < kLineBytes / kVectorBytes; ++i) {
      _mm_stream_si128(target + i, _mm_loadu_si128(source + i));
    }
  }
  if (done < size_bytes) std::memcpy(to + done, from + done, size_bytes - done);
}

void EndStream() { _mm_sfence(); }

#else

void StreamCopy(std::byte* to, const std::byte* from, std::size_t size_bytes) {
  if (size_bytes > 0) std::memcpy(to, from, size_bytes);
}

void EndStream() {}

#endif

void CopyBytes(std::byte* to, const std::byte* from, std::size_t size_bytes, bool streams) {
  if (size_bytes == 0) return;
  streams ? StreamCopy(to, from, size_bytes) : static_cast<void>(std::memcpy(to, from, size_bytes));
}

}  // namespace ronde
