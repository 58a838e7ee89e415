#include <immintrin.h>

#include "bench/collectives/bound_kernels/memory_loops.h"

namespace ronde::bench {
namespace {

struct Avx2 {
  using Vector = __m256i;
  static Vector Load(const std::byte* from) {
    return _mm256_load_si256(reinterpret_cast<const Vector*>(from));
  }
  static void Store(std::byte* to, Vector value) {
    _mm256_store_si256(reinterpret_cast<Vector*>(to), value);
  }
  static void Stream(std::byte* to, Vector value) {
    _mm256_stream_si256(reinterpret_cast<Vector*>(to), value);
  }
  static Vector Fill(std::uint64_t word) {
    return _mm256_set1_epi64x(static_cast<long long>(word));
  }
};

}  // namespace

const MemoryKernels& Avx2MemoryKernels() {
  static constexpr MemoryKernels kKernels = MakeMemoryKernels<Avx2>("avx2");
  return kKernels;
}

}  // namespace ronde::bench
