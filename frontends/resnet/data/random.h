#pragma once

#include <cstdint>

namespace ronde {

/// Mixes any number of integers into one well-spread 64-bit value: the seed of a stream that
/// depends on all of them (seed, epoch, image, ...).
[[nodiscard]] constexpr std::uint64_t MixSeed(std::uint64_t value) {
  value += 0x9E3779B97F4A7C15ULL;
  value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9ULL;
  value = (value ^ (value >> 27)) * 0x94D049BB133111EBULL;
  return value ^ (value >> 31);
}
template <typename... Rest>
[[nodiscard]] constexpr std::uint64_t MixSeed(std::uint64_t first, Rest... rest) {
  return MixSeed(MixSeed(first) ^ MixSeed(static_cast<std::uint64_t>(rest)...));
}

/// SplitMix64. The standard library's distributions differ between implementations; this gives the
/// same numbers everywhere. Thread rule: a plain value.
/// Source: Steele, Lea & Flood, OOPSLA 2014.
class Random {
 public:
  explicit constexpr Random(std::uint64_t seed) : state_(seed) {}

  constexpr std::uint64_t Next() {
    const std::uint64_t value = MixSeed(state_);
    state_ += 0x9E3779B97F4A7C15ULL;
    return value;
  }

  /// Uniform in 0 .. bound-1, without bias; bound >= 1. (Lemire, ACM TOMACS 29(1), 2019.)
  constexpr std::uint64_t Below(std::uint64_t bound) {
    const std::uint64_t threshold = (0 - bound) % bound;
    while (true) {
      const auto product = static_cast<unsigned __int128>(Next()) * bound;
      if (static_cast<std::uint64_t>(product) >= threshold) {
        return static_cast<std::uint64_t>(product >> 64);
      }
    }
  }

 private:
  std::uint64_t state_;
};

}  // namespace ronde
