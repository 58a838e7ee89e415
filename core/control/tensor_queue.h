#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/base/clock.h"
#include "core/base/status.h"
#include "core/control/executor.h"
#include "core/control/message.h"

namespace ronde {

/// The operations that are in flight on this rank, by key (KeyOf: the name, within its process
/// set): from Add until Release. Thread rule: thread-safe; guarded by mutex_. Handles are completed
/// outside of it.
class TensorQueue {
 public:
  /// `clock` must outlive the queue.
  TensorQueue(int rank, const Clock& clock) : rank_(rank), clock_(clock) {}

  /// Adds an operation; true when none was new before, so that the engine has to be woken.
  /// Errors: kDuplicateName; what Close or FailAll left.
  [[nodiscard]] Result<bool> Add(TensorEntry entry);

  struct New {
    std::vector<const Request*> requests;  ///< in the order of submission; valid until taken
    bool closed = false;                   ///< nothing will follow them
  };
  /// The requests that no call has returned before; from now on Take finds them.
  [[nodiscard]] New DrainNew();

  /// Hands out a drained operation for execution; its key stays taken until Release.
  [[nodiscard]] std::optional<TensorEntry> Take(const std::string& key);
  /// The request of a drained operation that has not been taken, or null; valid until taken.
  [[nodiscard]] const Request* Find(const std::string& key) const;
  /// Takes every drained operation of a process set.
  [[nodiscard]] std::vector<TensorEntry> TakeAllOf(int process_set);
  /// The operation has ended: its key may be used again.
  void Release(const std::string& key);

  /// Later operations are refused with kShutdown.
  void Close();
  /// Completes all operations in flight with `status`; later ones are refused with it.
  void FailAll(const Status& status);

  [[nodiscard]] std::size_t in_flight() const;
  /// Time during which at least one operation was in flight, up to now.
  [[nodiscard]] std::int64_t outstanding_ns() const;

 private:
  enum class Stage { kNew, kDrained, kTaken };
  struct Slot {
    TensorEntry entry;  // without its buffers once taken
    Handle handle;
    Stage stage = Stage::kNew;
  };

  const int rank_;
  const Clock& clock_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, Slot> slots_;
  std::vector<Slot*> new_;  // nodes of slots_, which stay where they are
  Status refusal_;          // not ok: what later operations get
  bool closed_ = false;
  std::int64_t busy_since_ns_ = 0;  // meaningful while slots_ is not empty
  std::int64_t busy_ns_ = 0;
};

}  // namespace ronde
