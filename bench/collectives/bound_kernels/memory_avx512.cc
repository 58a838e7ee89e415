#include <immintrin.h>

#include "bench/collectives/bound_kernels/memory_loops.h"

namespace ronde::bench {
namespace {

struct Avx512 {
  using Vector = __m512i;
  static Vector Load(const std::byte* from) {
    return _mm512_load_si512(reinterpret_cast<const Vector*>(from));
  }
  static void Store(std::byte* to, Vector value) {
    _mm512_store_si512(reinterpret_cast<Vector*>(to), value);
  }
  static void Stream(std::byte* to, Vector value) {
    _mm512_stream_si512(reinterpret_cast<Vector*>(to), value);
  }
  static Vector Fill(std::uint64_t word) { return _mm512_set1_epi64(static_cast<long long>(word)); }
};

}  // namespace

const MemoryKernels& Avx512MemoryKernels() {
  static constexpr MemoryKernels kKernels = MakeMemoryKernels<Avx512>("avx512");
  return kKernels;
}

}  // namespace ronde::bench
