#pragma once

#include <cstdint>

namespace ronde {

/// Elements as they lie in memory: as the tensor's type stores them, or as values, which for 16-bit
/// types are float32.
struct AdasumOperand {
  const void* data = nullptr;
  bool stored = true;
};

struct AdasumResult {
  void* data = nullptr;
  bool stored = true;
};

/// What Adasum needs of two vectors: |a|^2, |b|^2 and a.b.
struct AdasumSums {
  double aa = 0;
  double bb = 0;
  double ab = 0;
};

/// The kernels of one type and one instruction set. The bits do not depend on the instruction set.
struct AdasumKernels {
  /// The sums over elements [begin, begin + count), in float64: eight partial sums, where element i
  /// counts to number i % 8 from `begin` on, added as a binary tree.
  AdasumSums (*sums)(const AdasumOperand& a, const AdasumOperand& b, std::int64_t begin,
                     std::int64_t count);
  /// out[i] = a_factor * a[i] + b_factor * b[i] for the same elements, in float64, rounded once to
  /// the value's type. `out` may be one of the operands if it is of its kind.
  void (*combine)(const AdasumOperand& a, double a_factor, const AdasumOperand& b, double b_factor,
                  const AdasumResult& out, std::int64_t begin, std::int64_t count);
};

}  // namespace ronde
