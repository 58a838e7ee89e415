#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace ronde {

/// A histogram's contents at one moment: plain data.
struct HistogramSnapshot {
  double per_unit = 1;  ///< recorded integers in a unit: 1e9 for nanoseconds told in seconds
  std::uint64_t count = 0;
  double sum = 0;                      ///< of all values, in units
  std::vector<std::uint64_t> buckets;  ///< as LogHistogram has them; empty where nothing came

  /// An estimate of the value below which the fraction `q` (0..1) of all values lies, in units,
  /// at most a quarter off. 0 where nothing was recorded.
  [[nodiscard]] double Quantile(double q) const;
  [[nodiscard]] double Mean() const { return count == 0 ? 0 : sum / static_cast<double>(count); }
  /// How many values are at most 2^exponent integers (2^exponent / per_unit units).
  [[nodiscard]] std::uint64_t CountUpToPowerOfTwo(int exponent) const;
};

/// A number that one thread adds to and any thread may read.
/// Thread rule: Add from one thread at a time. Relaxed: only the value matters.
class SingleWriterCounter {
 public:
  /// Without a read-modify-write, which would cost some 20 cycles where a store costs one.
  void Add(std::uint64_t n) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// Counts integers in buckets that grow with them: four for each power of two, so that a bucket is
/// at most a quarter of its values wide. A bucket holds its upper bound; the last one, everything
/// above 2^40 (of nanoseconds: 18 minutes).
/// Cost: two additions and a bit scan. Thread rule: Record from one thread at a time, reads from
/// any.
class LogHistogram {
 public:
  static constexpr int kMaxExponent = 40;
  static constexpr std::size_t kBuckets = 4 * (kMaxExponent - 1);

  void Record(std::uint64_t value, std::uint64_t times = 1) {
    buckets_[BucketOf(value)].Add(times);
    sum_.Add(value * times);
  }
  [[nodiscard]] HistogramSnapshot Snapshot(double per_unit) const;

  /// Where `value` is counted.
  [[nodiscard]] static constexpr std::size_t BucketOf(std::uint64_t value) {
    const std::uint64_t below = value == 0 ? 0 : value - 1;  // bounds belong to the lower bucket
    if (below < 4) return static_cast<std::size_t>(below);
    const int exponent = 63 - std::countl_zero(below);
    if (exponent >= kMaxExponent) return kBuckets - 1;
    return 4 * static_cast<std::size_t>(exponent - 1) +
           static_cast<std::size_t>((below >> (exponent - 2)) & 3);
  }
  /// The largest value of a bucket but the last.
  [[nodiscard]] static constexpr std::uint64_t UpperBound(std::size_t bucket) {
    if (bucket < 4) return bucket + 1;
    return (bucket % 4 + 5) << (bucket / 4 - 1);
  }

 private:
  std::array<SingleWriterCounter, kBuckets> buckets_;
  SingleWriterCounter sum_;
};

}  // namespace ronde
