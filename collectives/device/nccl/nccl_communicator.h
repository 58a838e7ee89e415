#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "collectives/device/nccl/nccl_api.h"
#include "core/base/clock.h"
#include "core/base/status.h"
#include "core/comm/transport.h"

namespace ronde {

class NcclHandle;

/// NCCL among the ranks of one group, each with a device of its own.
///
/// Thread rule: engine-only, except Abort() and AsyncError(), which any thread may call: NCCL is
/// entered by one thread at a time.
class NcclCommunicator {
 public:
  /// What NCCL is to put on a stream; the first result that is neither kSuccess nor kInProgress.
  using Calls = std::function<NcclResult(NcclApi& nccl, NcclComm comm)>;

  /// Collective over `group`, which must outlive the communicator; `nccl` is what this rank has,
  /// on its device of `device_index`. Rank 0's id goes to all; nobody waits much longer than the
  /// deadline, or than the job lives. Errors, on all ranks alike, with the first rank that has
  /// a problem and what it is: kUnavailable (no NCCL, another version than rank 0, or NCCL could
  /// not set itself up), kInternal; kTimeout; kAborted.
  [[nodiscard]] static Result<std::unique_ptr<NcclCommunicator>> Create(
      const Result<NcclApi*>& nccl, Transport& group, int device_index, const Deadline& deadline);
  /// An orderly end, where all ranks take part, of bounded length; otherwise an abort.
  ~NcclCommunicator();
  NcclCommunicator(const NcclCommunicator&) = delete;
  NcclCommunicator& operator=(const NcclCommunicator&) = delete;

  [[nodiscard]] int rank() const { return group_.rank(); }
  [[nodiscard]] int size() const { return group_.size(); }

  /// Gives NCCL one group of calls, and returns when it has put them on their stream. NCCL connects
  /// two ranks when they first have something for each other, which takes until both are there.
  /// `what` is for messages. Errors: kTimeout, kAborted, kUnavailable, kInternal; then, as after
  /// Abort, the communicator is of no use.
  Status Issue(std::string_view what, const Deadline& deadline, const Calls& calls);

  /// Any thread: what has gone wrong in the background by now, or kOk. Waits for nobody.
  [[nodiscard]] Status AsyncError();
  /// Any thread: what NCCL has on the device ends, and nothing more is taken. Does not wait: NCCL's
  /// own clean-up takes a while.
  void Abort();

 private:
  NcclCommunicator(NcclApi& nccl, Transport& group);
  Status Init(const NcclUniqueId& id, int device_index, const Deadline& deadline);
  /// For NCCL to have done what it was given. A failure is kept.
  Status WaitUntilReady(std::string_view what, const Deadline& deadline);
  Status Finish();

  Transport& group_;
  std::shared_ptr<NcclHandle> handle_;  // shared with the thread that aborts
};

}  // namespace ronde
