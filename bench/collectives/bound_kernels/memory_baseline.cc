#include "bench/collectives/bound_kernels/memory_loops.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace ronde::bench {
namespace {

struct Baseline {
  using Vector = long long __attribute__((vector_size(16), may_alias));
  static Vector Load(const std::byte* from) { return *reinterpret_cast<const Vector*>(from); }
  static void Store(std::byte* to, Vector value) { *reinterpret_cast<Vector*>(to) = value; }
  static void Stream(std::byte* to, Vector value) {
#if defined(__SSE2__)
    _mm_stream_si128(reinterpret_cast<__m128i*>(to), (__m128i)value);
#else
    Store(to, value);
#endif
  }
  static Vector Fill(std::uint64_t word) {
    const auto lane = static_cast<long long>(word);
    return Vector{lane, lane};
  }
};

}  // namespace

const MemoryKernels& BaselineMemoryKernels() {
  static constexpr MemoryKernels kKernels = MakeMemoryKernels<Baseline>("baseline");
  return kKernels;
}

}  // namespace ronde::bench
