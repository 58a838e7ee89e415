#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "core/observation/metrics_histogram.h"
#include "core/observation/metrics_phases.h"
#include "core/observation/metrics_snapshot.h"
#include "core/observation/observer.h"

namespace ronde {

/// Counts what an engine does; always on. No locks, no allocation and no clock of its own.
/// Cost: some 30 ns for an operation that travels alone, all calls together; bench/micro/metrics.cc
/// measures it.
/// Thread rule: OnCompleted with a failure and Snapshot from any thread, the rest from the
/// engine's. Atomics are relaxed throughout: each number stands for itself.
class Metrics final : public EngineObserver {
 public:
  /// For `rank` of `size`. `fusion_threshold_bytes` is asked on the engine's thread for what is in
  /// force; no fill is told where it answers 0 or is empty.
  Metrics(int rank, int size, std::function<std::int64_t()> fusion_threshold_bytes = nullptr);

  void OnList(const ListInfo& info, std::int64_t now_ns) override;
  void OnAgreed(const Request& request, std::int64_t submitted_ns, std::int64_t now_ns) override;
  void OnBatchBegin(std::span<const Request* const> requests, std::size_t packed_bytes,
                    std::int64_t now_ns) override;
  void OnPhase(std::string_view phase, std::int64_t begin_ns, std::int64_t end_ns) override;
  void OnBatchEnd(std::int64_t now_ns) override;
  void OnCompleted(const Request& request, const Status& status, std::int64_t submitted_ns,
                   std::int64_t now_ns) override;
  void OnStraggler(int rank, std::string_view name, std::int64_t wait_ns) override;

  [[nodiscard]] MetricsSnapshot Snapshot() const;

 private:
  static constexpr std::size_t kKinds =
      static_cast<std::size_t>(OperationKind::kRemoveProcessSet) + 1;
  static constexpr std::size_t kCodes = static_cast<std::size_t>(StatusCode::kInternal) + 1;

  struct OfKind {
    SingleWriterCounter calls;
    SingleWriterCounter payload_bytes;
    LogHistogram negotiation_ns;
    LogHistogram queue_ns;
    LogHistogram execution_ns;
    LogHistogram completion_ns;
  };
  struct OfStraggler {
    SingleWriterCounter times;
    SingleWriterCounter wait_ns;
  };
  [[nodiscard]] OfKind& Of(OperationKind kind);
  [[nodiscard]] static OperationMetrics Read(OperationKind kind, const OfKind& of_kind);

  const int rank_;
  const int size_;
  const std::function<std::int64_t()> fusion_threshold_bytes_;

  std::array<std::atomic<std::uint64_t>, kCodes> failures_{};
  std::array<OfKind, kKinds> kinds_;
  MetricsPhases phases_;
  std::vector<OfStraggler> stragglers_;  // by rank; on rank 0
  SingleWriterCounter lists_;
  SingleWriterCounter locked_lists_;
  SingleWriterCounter cache_hits_;
  SingleWriterCounter cache_misses_;
  LogHistogram batch_tensors_;
  LogHistogram fusion_fill_;  // in 2^-20

  // Engine only: the list and the batch that it is at.
  std::int64_t list_ns_ = 0;
  std::int64_t batch_begin_ns_ = 0;
  OperationKind batch_kind_ = OperationKind::kAllreduce;
  std::uint64_t batch_bytes_ = 0;
};

}  // namespace ronde
