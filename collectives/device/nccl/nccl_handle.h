#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string_view>

#include "collectives/device/nccl/nccl_api.h"
#include "core/base/clock.h"
#include "core/base/status.h"

namespace ronde {

/// NCCL's communicator of one rank, and the only door to it: one thread at a time is inside NCCL
/// with it, it is ended once, and not while a thread is inside.
/// Thread rule: thread-safe; guarded by its mutex, which is not held inside NCCL.
class NcclHandle : public std::enable_shared_from_this<NcclHandle> {
 public:
  /// May set the communicator, which is null before.
  using Visit = std::function<Status(NcclApi& nccl, NcclComm* comm)>;

  NcclHandle(NcclApi& nccl, int rank) : nccl_(nccl), rank_(rank) {}

  [[nodiscard]] NcclApi& nccl() const { return nccl_; }
  [[nodiscard]] int rank() const { return rank_; }

  /// Runs `visit` inside. Its failure, and the first one is kept, is that of all later calls.
  /// Errors: kAborted after Abort; kTimeout if another thread did not come out by then.
  Status Enter(std::string_view what, const Deadline& deadline, const Visit& visit);
  /// The same where nobody is inside and nothing has ended; else kOk at once, or the failure.
  Status EnterIfFree(const Visit& visit);

  /// Keeps `failure` if it is the first, for all later calls; returns it.
  Status Fail(const Status& failure);

  /// Nobody comes in any more, and a thread of its own ends the communicator, if there is one, by
  /// ncclCommAbort. Returns at once; the second time it does nothing.
  void Abort();
  /// The communicator has been ended in another way: `visit` destroyed it.
  Status Close(const Deadline& deadline, const Visit& visit);
  /// Until the thread of Abort is done; false if it is not by then.
  bool WaitUntilEnded(const Deadline& deadline);

 private:
  enum class State { kOpen, kAborting, kEnded };
  [[nodiscard]] Status WhyClosed() const;  // requires mutex_
  /// With the door taken: runs `visit`, keeps its failure, gives the door back.
  Status RunInside(const Visit& visit);
  void AbortNow();

  NcclApi& nccl_;
  const int rank_;
  std::mutex mutex_;
  std::condition_variable changed_;
  State state_ = State::kOpen;
  bool busy_ = false;
  Status failure_;
  NcclComm comm_ = nullptr;  // of the thread that is inside
};

/// `result` in NCCL's own words: kUnavailable for CUDA, the system and peers that have gone,
/// kInternal for what Ronde should not have asked.
[[nodiscard]] Status NcclFailure(NcclApi& nccl, NcclComm comm, NcclResult result,
                                 std::string_view what, int rank);

}  // namespace ronde
