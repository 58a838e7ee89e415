#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/observation/metrics_histogram.h"
#include "core/observation/metrics_snapshot.h"

namespace ronde {

/// Time, calls and bytes by phase. Phases are known by name and get a place when they first occur;
/// when all places are taken, the rest counts as "other".
/// Thread rule: Add and EndBatch from one thread at a time, Read from any.
class MetricsPhases {
 public:
  /// A phase has ended.
  void Add(std::string_view name, std::uint64_t duration_ns);
  /// The phases since the last EndBatch had to do with this many bytes.
  void EndBatch(std::uint64_t payload_bytes);
  [[nodiscard]] std::vector<PhaseMetrics> Read() const;

 private:
  static constexpr std::size_t kPlaces = 32;
  struct Place {
    std::string name;  // written once, before used_ counts the place
    SingleWriterCounter calls;
    SingleWriterCounter duration_ns;
    SingleWriterCounter payload_bytes;
  };
  [[nodiscard]] std::size_t Find(std::string_view name);

  std::array<Place, kPlaces> places_;
  std::atomic<std::size_t> used_{0};  // released by the writer: names below it can be read
  std::uint32_t in_batch_ = 0;        // writer only: a bit for each place
};

}  // namespace ronde
