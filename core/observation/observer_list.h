#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "core/observation/observer.h"

namespace ronde {

/// Several observers as one: each hears everything, in the order given. Immutable.
class ObserverList final : public EngineObserver {
 public:
  /// All must outlive the list.
  explicit ObserverList(std::vector<EngineObserver*> observers)
      : observers_(std::move(observers)) {}

  void OnSubmitted(const Request& request, std::int64_t now_ns) override {
    for (EngineObserver* each : observers_) each->OnSubmitted(request, now_ns);
  }
  void OnList(const ListInfo& info, std::int64_t now_ns) override {
    for (EngineObserver* each : observers_) each->OnList(info, now_ns);
  }
  void OnAgreed(const Request& request, std::int64_t submitted_ns, std::int64_t now_ns) override {
    for (EngineObserver* each : observers_) each->OnAgreed(request, submitted_ns, now_ns);
  }
  void OnBatchBegin(std::span<const Request* const> requests, std::size_t packed_bytes,
                    std::int64_t now_ns) override {
    for (EngineObserver* each : observers_) each->OnBatchBegin(requests, packed_bytes, now_ns);
  }
  void OnPhase(std::string_view phase, std::int64_t begin_ns, std::int64_t end_ns) override {
    for (EngineObserver* each : observers_) each->OnPhase(phase, begin_ns, end_ns);
  }
  void OnBatchEnd(std::int64_t now_ns) override {
    for (EngineObserver* each : observers_) each->OnBatchEnd(now_ns);
  }
  void OnCompleted(const Request& request, const Status& status, std::int64_t submitted_ns,
                   std::int64_t now_ns) override {
    for (EngineObserver* each : observers_) {
      each->OnCompleted(request, status, submitted_ns, now_ns);
    }
  }
  void OnStraggler(int rank, std::string_view name, std::int64_t wait_ns) override {
    for (EngineObserver* each : observers_) each->OnStraggler(rank, name, wait_ns);
  }

 private:
  const std::vector<EngineObserver*> observers_;
};

}  // namespace ronde
