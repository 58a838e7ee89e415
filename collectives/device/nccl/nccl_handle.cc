#include "collectives/device/nccl/nccl_handle.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <thread>
#include <utility>

#include "core/base/log.h"
#include "core/base/strcat.h"

namespace ronde {
namespace {

// Calls of a non-blocking communicator come back at once; one that is not back by then hangs.
constexpr double kDoorSeconds = 10;

// Whether `condition` holds by then. A wait of a century overflows the clock.
template <typename Condition>
bool WaitUntil(std::condition_variable& changed, std::unique_lock<std::mutex>& lock,
               const Deadline& deadline, const Condition& condition) {
  constexpr std::int64_t kDayNs = 86'400'000'000'000;
  const std::chrono::nanoseconds left(std::min(deadline.RemainingNs(), kDayNs));
  return changed.wait_for(lock, left, condition);
}

std::string_view AdviceFor(NcclResult result) {
  switch (result) {
    case NcclResult::kUnhandledCudaError:
      return "look for the driver's messages (dmesg), and at nvidia-smi for the device's memory";
    case NcclResult::kSystemError:
      return "look at the network between the hosts (NCCL_SOCKET_IFNAME names the interface) and "
             "at the limits of /dev/shm and locked memory";
    case NcclResult::kRemoteError:
      return "a peer's process or its network has gone: look for the first error of another rank";
    default:
      return "run with NCCL_DEBUG=INFO to see why";
  }
}

}  // namespace

Status NcclFailure(NcclApi& nccl, NcclComm comm, NcclResult result, std::string_view what,
                   int rank) {
  const std::string last = nccl.LastError(comm);
  const std::string text =
      StrCat("rank ", rank, ": NCCL's ", what, " failed: ", nccl.ErrorString(result),
             last.empty() ? "" : StrCat(" (", last, ")"), "; ", AdviceFor(result));
  const bool ours = result == NcclResult::kInternalError ||
                    result == NcclResult::kInvalidArgument || result == NcclResult::kInvalidUsage;
  return ours ? Status::Internal(text) : Status::Unavailable(text);
}

Status NcclHandle::WhyClosed() const {
  if (!failure_.ok()) return failure_;
  if (state_ == State::kOpen) return Status::Ok();
  return Status::Aborted(StrCat("rank ", rank_, ": NCCL's communicator has been ended"));
}

Status NcclHandle::Enter(std::string_view what, const Deadline& deadline, const Visit& visit) {
  {
    std::unique_lock lock(mutex_);
    const bool free =
        WaitUntil(changed_, lock, deadline, [this] { return !busy_ || state_ != State::kOpen; });
    RONDE_RETURN_IF_ERROR(WhyClosed());
    if (!free) {
      return Status::Timeout(StrCat("rank ", rank_, ": a call of NCCL has not come back, so that ",
                                    what, " could not begin before the deadline (--timeout-s)"));
    }
    busy_ = true;
  }
  return RunInside(visit);
}

Status NcclHandle::EnterIfFree(const Visit& visit) {
  {
    const std::lock_guard lock(mutex_);
    if (!failure_.ok()) return failure_;
    if (busy_ || state_ != State::kOpen || comm_ == nullptr) return Status::Ok();
    busy_ = true;
  }
  return RunInside(visit);
}

Status NcclHandle::RunInside(const Visit& visit) {
  const Status status = visit(nccl_, &comm_);
  {
    const std::lock_guard lock(mutex_);
    busy_ = false;
    if (failure_.ok()) failure_ = status;
  }
  changed_.notify_all();
  return status;
}

Status NcclHandle::Fail(const Status& failure) {
  const std::lock_guard lock(mutex_);
  if (failure_.ok()) failure_ = failure;
  return failure;
}

void NcclHandle::Abort() {
  {
    const std::lock_guard lock(mutex_);
    if (state_ != State::kOpen) return;
    state_ = State::kAborting;
  }
  changed_.notify_all();
  // NCCL joins its own threads and frees memory of the device, which may wait for the device.
  std::thread([self = shared_from_this()] { self->AbortNow(); }).detach();
}

void NcclHandle::AbortNow() {
  NcclComm comm = nullptr;
  {
    std::unique_lock lock(mutex_);
    if (!WaitUntil(changed_, lock, Deadline::After(kDoorSeconds), [this] { return !busy_; })) {
      Log(LogLevel::kWarning, "rank ", rank_,
          ": NCCL's communicator is left as it is: a call of "
          "NCCL has not come back for ",
          kDoorSeconds, " s, and ending it now would be unsafe");
      return;
    }
    std::swap(comm, comm_);
  }
  if (comm != nullptr) {
    const NcclResult result = nccl_.Abort(comm);
    if (result != NcclResult::kSuccess && result != NcclResult::kInProgress) {
      Log(LogLevel::kInfo, "rank ", rank_, ": ncclCommAbort: ", nccl_.ErrorString(result));
    }
  }
  {
    const std::lock_guard lock(mutex_);
    state_ = State::kEnded;
  }
  changed_.notify_all();
}

Status NcclHandle::Close(const Deadline& deadline, const Visit& visit) {
  const auto close = [&](NcclApi& nccl, NcclComm* comm) {
    const Status status = visit(nccl, comm);
    const std::lock_guard lock(mutex_);
    if (status.ok() && state_ == State::kOpen) state_ = State::kEnded;
    if (status.ok()) *comm = nullptr;
    return status;
  };
  return Enter("its end", deadline, close);
}

bool NcclHandle::WaitUntilEnded(const Deadline& deadline) {
  std::unique_lock lock(mutex_);
  return WaitUntil(changed_, lock, deadline, [this] { return state_ == State::kEnded; });
}

}  // namespace ronde
