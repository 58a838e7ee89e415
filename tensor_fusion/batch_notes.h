#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/clock.h"
#include "core/control/executor.h"
#include "core/observation/observer.h"
#include "tensor_fusion/fusion_planner.h"

namespace ronde {

/// Tells an observer what is done with a batch, and when. Phases follow one another without a gap,
/// and the batch ends with the last: a look at the clock costs more than most of what lies between.
/// Cost: one branch a call where there is no observer, else two looks at the clock and one for each
/// further phase. Times are of std::chrono::steady_clock, like the session's.
/// Thread rule: engine-only.
class BatchNotes {
 public:
  /// Tells of a phase when it is destroyed; `name` must live as long.
  class Phase {
   public:
    Phase(BatchNotes& notes, std::string_view name) : notes_(notes), name_(name) {}
    ~Phase() { notes_.EndPhase(name_); }
    Phase(const Phase&) = delete;
    Phase& operator=(const Phase&) = delete;

   private:
    BatchNotes& notes_;
    const std::string_view name_;
  };

  /// `observer` may be null, else must outlive this or be replaced.
  void Observe(EngineObserver* observer) { observer_ = observer; }

  void Begin(std::span<const ReadyOperation> operations, const FusionBatch& batch) {
    if (observer_ == nullptr) return;
    requests_.clear();
    for (const std::uint32_t member : batch.members) {
      requests_.push_back(&operations[member].response->request);
    }
    has_phases_ = false;
    last_ns_ = NowNs();
    observer_->OnBatchBegin(requests_, batch.packed_bytes, last_ns_);
  }
  /// `name` runs until the result is destroyed.
  [[nodiscard]] Phase Time(std::string_view name) { return {*this, name}; }
  void End() {
    if (observer_ == nullptr) return;
    if (!has_phases_) last_ns_ = NowNs();
    observer_->OnBatchEnd(last_ns_);
  }
  /// All of the batch have succeeded: tells the observer, so that whoever has waited finds them
  /// counted, then whoever waits; lets go of their handles. After End.
  void Complete(std::span<ReadyOperation> operations, const FusionBatch& batch) {
    handles_.clear();
    for (const std::uint32_t member : batch.members) {
      TellCompleted(operations[member]);
      handles_.push_back(&operations[member].entry.handle);
    }
    Handle::CompleteAll(handles_);
  }
  /// The batch has been given to a device: for the observer, which hears from one thread alone,
  /// that counts as success. After End, before the handles are issued.
  void TellIssued(std::span<const ReadyOperation> operations, const FusionBatch& batch) const {
    for (const std::uint32_t member : batch.members) TellCompleted(operations[member]);
  }

 private:
  void TellCompleted(const ReadyOperation& operation) const {
    if (observer_ == nullptr) return;
    observer_->OnCompleted(operation.response->request, Status::Ok(), operation.entry.enqueued_ns,
                           last_ns_);
  }

  static std::int64_t NowNs() { return SteadyClock().NowNs(); }
  void EndPhase(std::string_view name) {
    if (observer_ == nullptr) return;
    const std::int64_t begin_ns = std::exchange(last_ns_, NowNs());
    has_phases_ = true;
    observer_->OnPhase(name, begin_ns, last_ns_);
  }

  EngineObserver* observer_ = nullptr;
  std::vector<const Request*> requests_;  // kept for their memory
  std::vector<Handle*> handles_;
  std::int64_t last_ns_ = 0;  // when this batch, or its last phase, began or ended
  bool has_phases_ = false;   // this batch
};

}  // namespace ronde
