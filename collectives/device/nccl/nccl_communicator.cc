#include "collectives/device/nccl/nccl_communicator.h"

#include "collectives/device/nccl/nccl_agreement.h"
#include "collectives/device/nccl/nccl_handle.h"
#include "core/base/log.h"
#include "core/base/strcat.h"
#include "core/device/polling.h"

namespace ronde {
namespace {

constexpr double kEndSeconds = 3;  // of an orderly end, and of an abort

// Whether NCCL has done what it was asked for.
Result<bool> Ready(NcclApi& nccl, NcclComm comm, std::string_view what, int rank) {
  NcclResult found = NcclResult::kSuccess;
  const NcclResult asked = nccl.GetAsyncError(comm, &found);
  if (asked != NcclResult::kSuccess) found = asked;
  if (!Going(found)) return NcclFailure(nccl, comm, found, what, rank);
  return found == NcclResult::kSuccess;
}

}  // namespace

NcclCommunicator::NcclCommunicator(NcclApi& nccl, Transport& group)
    : group_(group), handle_(std::make_shared<NcclHandle>(nccl, group.rank())) {}

Result<std::unique_ptr<NcclCommunicator>> NcclCommunicator::Create(const Result<NcclApi*>& nccl,
                                                                   Transport& group,
                                                                   int device_index,
                                                                   const Deadline& deadline) {
  const double timeout_s = static_cast<double>(deadline.RemainingNs()) * 1e-9;
  RONDE_RETURN_IF_ERROR(AgreeOnNccl(nccl, group, deadline));
  RONDE_ASSIGN_OR_RETURN(const NcclUniqueId id, ShareUniqueId(*nccl.value(), group, deadline));
  std::unique_ptr<NcclCommunicator> made(new NcclCommunicator(*nccl.value(), group));
  const Status own = made->Init(id, device_index, deadline);
  if (!own.ok()) made->Abort();
  // Ranks that failed at once wait here for those that waited for them until the deadline.
  RONDE_RETURN_IF_ERROR(AgreeOnStatus(own, group, Deadline::After(timeout_s + kEndSeconds)));
  return made;
}

Status NcclCommunicator::Init(const NcclUniqueId& id, int device_index, const Deadline& deadline) {
  constexpr std::string_view kWhat = "set-up";
  const auto init = [&](NcclApi& nccl, NcclComm* comm) {
    const NcclResult result = nccl.InitRank(comm, size(), id, rank(), device_index);
    return Going(result) ? Status::Ok() : NcclFailure(nccl, *comm, result, kWhat, rank());
  };
  RONDE_RETURN_IF_ERROR(handle_->Enter(kWhat, deadline, init));
  return WaitUntilReady(kWhat, deadline);
}

Status NcclCommunicator::WaitUntilReady(std::string_view what, const Deadline& deadline) {
  Polling polling;
  while (true) {
    bool ready = false;
    const auto look = [&](NcclApi& nccl, NcclComm* comm) {
      RONDE_ASSIGN_OR_RETURN(ready, Ready(nccl, *comm, what, rank()));
      return Status::Ok();
    };
    RONDE_RETURN_IF_ERROR(handle_->Enter(what, deadline, look));
    if (ready) return Status::Ok();
    if (const Status alive = group_.CheckLiveness(); !alive.ok()) return handle_->Fail(alive);
    if (deadline.Expired()) {
      return handle_->Fail(
          Status::Timeout(StrCat("rank ", rank(), " waited for other ranks in NCCL's ", what,
                                 " until the deadline (--timeout-s); NCCL does not say for "
                                 "which: look for an error of another rank, or run with "
                                 "NCCL_DEBUG=INFO")));
    }
    polling.Pause();
  }
}

Status NcclCommunicator::Issue(std::string_view what, const Deadline& deadline,
                               const Calls& calls) {
  const auto group = [&](NcclApi& nccl, NcclComm* comm) {
    NcclResult result = nccl.GroupStart();
    if (!Going(result)) return NcclFailure(nccl, *comm, result, what, rank());
    result = calls(nccl, *comm);
    const NcclResult end = nccl.GroupEnd();  // or this thread would stay in the group
    if (Going(result)) result = end;
    return Going(result) ? Status::Ok() : NcclFailure(nccl, *comm, result, what, rank());
  };
  RONDE_RETURN_IF_ERROR(handle_->Enter(what, deadline, group));
  return WaitUntilReady(what, deadline);
}

Status NcclCommunicator::AsyncError() {
  return handle_->EnterIfFree([this](NcclApi& nccl, NcclComm* comm) {
    return Ready(nccl, *comm, "communication", rank()).status();
  });
}

void NcclCommunicator::Abort() { handle_->Abort(); }

Status NcclCommunicator::Finish() {
  constexpr std::string_view kWhat = "end";
  const Deadline deadline = Deadline::After(kEndSeconds);
  const auto finalize = [&](NcclApi& nccl, NcclComm* comm) {
    const NcclResult result = nccl.Finalize(*comm);
    return Going(result) ? Status::Ok() : NcclFailure(nccl, *comm, result, kWhat, rank());
  };
  RONDE_RETURN_IF_ERROR(handle_->Enter(kWhat, deadline, finalize));
  RONDE_RETURN_IF_ERROR(WaitUntilReady(kWhat, deadline));
  return handle_->Close(deadline, [this](NcclApi& nccl, NcclComm* comm) {
    const NcclResult result = nccl.Destroy(*comm);  // it is gone, whatever this says
    if (!Going(result)) {
      Log(LogLevel::kInfo, "rank ", rank(), ": ncclCommDestroy: ", nccl.ErrorString(result));
    }
    return Status::Ok();
  });
}

NcclCommunicator::~NcclCommunicator() {
  const Status finished = Finish();
  if (!finished.ok()) handle_->Abort();
  if (!handle_->WaitUntilEnded(Deadline::After(kEndSeconds))) {
    Log(LogLevel::kWarning, "rank ", rank(), ": NCCL has not ended its communicator within ",
        kEndSeconds, " s; going on without");
  }
}

}  // namespace ronde
