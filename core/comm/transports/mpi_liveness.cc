// How the ranks of MpiWorld learn that the job has ended.

#include <sched.h>

#include <algorithm>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "core/base/strcat.h"
#include "core/comm/transports/mpi_environment.h"
#include "core/comm/transports/mpi_world.h"

namespace ronde {
namespace {

constexpr int kAbortTag = 0;
// Short enough to be sent eagerly: the sender may end right afterwards.
constexpr std::size_t kAbortTextBytes = 3000;
constexpr double kSendPatienceS = 0.2;
constexpr double kReceivePatienceS = 2;
constexpr std::int64_t kProbeEveryNs = 1'000'000;
constexpr std::int64_t kProbeOtherHostsEveryNs = 50'000;
constexpr std::int64_t kDeathCheckEveryNs = 100'000'000;

// Abort message: the status code, then the text.
std::vector<std::byte> EncodeCause(const Status& cause) {
  const auto code = static_cast<std::int32_t>(cause.code());
  const std::string text = cause.message().substr(0, kAbortTextBytes);
  std::vector<std::byte> message(sizeof(code) + text.size());
  std::memcpy(message.data(), &code, sizeof(code));
  std::memcpy(message.data() + sizeof(code), text.data(), text.size());
  return message;
}

Status DecodeCause(const std::vector<std::byte>& message) {
  std::int32_t code = 0;
  if (message.size() < sizeof(code)) return Status::Internal("an abort message was too short");
  std::memcpy(&code, message.data(), sizeof(code));
  const auto* text = reinterpret_cast<const char*>(message.data() + sizeof(code));
  return {static_cast<StatusCode>(code), std::string(text, message.size() - sizeof(code))};
}

}  // namespace

void MpiWorld::LatchFailure(const Status& cause) {
  failure_ = Status::Aborted(cause.message());
  MpiEnvironment::SkipFinalize();
}

void MpiWorld::Abort(const Status& cause) {
  if (failed()) return;
  // One winner per host; the others report the winner's cause.
  std::uint32_t nobody = 0;
  std::atomic<std::uint32_t>& aborting = doorbell_->page(doorbell_->leader()).aborting;
  if (!aborting.compare_exchange_strong(nobody, static_cast<std::uint32_t>(rank_) + 1,
                                        std::memory_order_acq_rel)) {
    ReceiveAbort(kReceivePatienceS);
    if (failed()) return;
  }
  gave_cause_ = true;
  LatchFailure(cause);
  SendAbort(cause);
}

void MpiWorld::RequestAbort(const Status& cause) {
  const std::lock_guard lock(request_mutex_);
  if (!abort_request_.ok()) return;
  abort_request_ = cause;
  // Release: whoever sees the flag reads the cause.
  abort_requested_.store(true, std::memory_order_release);
}

void MpiWorld::SendAbort(const Status& cause) {
  abort_message_ = EncodeCause(cause);
  for (int peer = 0; peer < size_; ++peer) {
    if (peer == rank_) continue;
    MPI_Isend(abort_message_.data(), static_cast<int>(abort_message_.size()), MPI_BYTE, peer,
              kAbortTag, abort_, &abort_requests_.emplace_back());
    if (doorbell_->connected(peer)) doorbell_->RingPeer(peer);
  }
  const Deadline patience = Deadline::After(kSendPatienceS);
  int done = 0;
  while (done == 0 && !patience.Expired()) {
    MPI_Testall(static_cast<int>(abort_requests_.size()), abort_requests_.data(), &done,
                MPI_STATUSES_IGNORE);
    sched_yield();
  }
}

// Takes the abort message that has come, or that a peer's page has announced.
void MpiWorld::ReceiveAbort(double patience_s) {
  const Deadline patience = Deadline::After(patience_s);
  while (true) {
    int found = 0;
    MPI_Message matched = MPI_MESSAGE_NULL;
    MPI_Status status;
    if (MPI_Improbe(MPI_ANY_SOURCE, kAbortTag, abort_, &found, &matched, &status) != MPI_SUCCESS) {
      return;
    }
    if (found != 0) {
      int size_bytes = 0;
      MPI_Get_count(&status, MPI_BYTE, &size_bytes);
      std::vector<std::byte> message(static_cast<std::size_t>(size_bytes));
      MPI_Mrecv(message.data(), size_bytes, MPI_BYTE, &matched, MPI_STATUS_IGNORE);
      LatchFailure(DecodeCause(message));
      return;
    }
    if (patience.Expired()) return;
    sched_yield();
  }
}

Status MpiWorld::CheckLiveness() {
  if (failed()) return failure_;
  if (size_ == 1) return Status::Ok();
  if (abort_requested_.load(std::memory_order_acquire)) {
    // Not changed any more: only the first request counts.
    Abort(abort_request_);
    return failure_;
  }
  // A rank of this host that ends the job says so here, which costs one read of a shared line.
  const DoorbellPage& page = doorbell_->page(doorbell_->leader());
  if (const std::uint32_t by = page.aborting.load(std::memory_order_acquire); by != 0) {
    ReceiveAbort(kReceivePatienceS);
    if (!failed()) {
      LatchFailure(Status::Aborted(StrCat("rank ", by - 1, " (host ", host_names_[by - 1],
                                          ") ended the job; see its output")));
    }
    return failure_;
  }
  const std::int64_t now_ns = SteadyClock().NowNs();
  if (now_ns < next_probe_ns_) return death_;
  next_probe_ns_ = now_ns + (all_connected_ ? kProbeEveryNs : kProbeOtherHostsEveryNs);
  CheckSlowly();
  return failed() ? failure_ : death_;
}

// A death is told to whoever asks here, not to the other ranks: the caller's Abort does that, with
// what this rank was doing.
void MpiWorld::CheckSlowly() {
  ReceiveAbort(0);
  const std::int64_t now_ns = SteadyClock().NowNs();
  if (failed() || now_ns < next_death_check_ns_) return;
  next_death_check_ns_ = now_ns + kDeathCheckEveryNs;
  const int dead = doorbell_->FindDeadPeer();
  if (dead < 0) return;
  death_ = Status::Aborted(StrCat("rank ", dead, " (host ", host_names_[dead],
                                  ") has ended without leaving the job: it crashed or was killed; "
                                  "see its output"));
}

void MpiWorld::Pause(std::uint64_t turns) const {
  if (turns >= spin_turns_) {
    sched_yield();
    return;
  }
#if defined(__x86_64__)
  _mm_pause();
#endif
}

}  // namespace ronde
