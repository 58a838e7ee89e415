#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <thread>

#include "core/base/status.h"
#include "core/observation/observer.h"
#include "core/observation/timeline_file.h"
#include "core/observation/timeline_queue.h"
#include "core/observation/timeline_trace.h"

namespace ronde {

/// Records what an engine does as a Chrome trace, for Perfetto or chrome://tracing: for each tensor
/// NEGOTIATE, QUEUE, and the operation with its phases; counters, failures, and if wanted the
/// engine's cycles. Times are rank 0's, in microseconds since the session began.
///
/// Calls are copied into a bounded queue (what does not fit is dropped, counted, and told in the
/// file); a thread that lives while a recording does turns them into JSON and has written them some
/// 50 ms later. The file is complete JSON at any moment.
/// Cost of a call: while nothing is recorded a relaxed load, else about 0.1 us.
/// Thread rule: thread-safe; control_mutex_ guards starting and stopping.
class Timeline final : public EngineObserver {
 public:
  explicit Timeline(TimelineOwner owner) : owner_(std::move(owner)) {}
  /// Stops.
  ~Timeline() override;
  Timeline(const Timeline&) = delete;
  Timeline& operator=(const Timeline&) = delete;

  /// Records into PathOfRank(path, rank) from now on, replacing what is there. `mark_cycles` also
  /// marks the arrival of each list. Error: kInvalidArgument when the file cannot be written, or
  /// while something is being recorded.
  Status Start(const std::string& path, bool mark_cycles);
  /// Ends the recording; the file is complete on return. kOk where there is none. Error:
  /// kUnavailable when not all could be written (disk full).
  Status Stop();

  void OnSubmitted(const Request& request, std::int64_t now_ns) override;
  void OnList(const ListInfo& info, std::int64_t now_ns) override;
  void OnAgreed(const Request& request, std::int64_t submitted_ns, std::int64_t now_ns) override;
  void OnBatchBegin(std::span<const Request* const> requests, std::size_t packed_bytes,
                    std::int64_t now_ns) override;
  void OnPhase(std::string_view phase, std::int64_t begin_ns, std::int64_t end_ns) override;
  void OnBatchEnd(std::int64_t now_ns) override;
  void OnCompleted(const Request& request, const Status& status, std::int64_t submitted_ns,
                   std::int64_t now_ns) override;
  void OnStraggler(int rank, std::string_view name, std::int64_t wait_ns) override;

 private:
  // Relaxed: a call that comes a moment early or late is recorded or not; the queue's mutex orders
  // what is.
  [[nodiscard]] bool recording() const { return recording_.load(std::memory_order_relaxed); }
  void Write(TimelineFile file, TimelineTrace trace);

  const TimelineOwner owner_;
  std::atomic<bool> recording_{false};
  TimelineQueue queue_;

  std::mutex control_mutex_;
  std::string path_;    // guarded by control_mutex_
  std::thread writer_;  // the same
  Status written_;      // the writer's; read once it has ended
};

}  // namespace ronde
