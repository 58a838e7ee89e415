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
constexpr double kSleepInDataS = 1e-3;
constexpr double kLastWordsPatienceS = 0.3;
constexpr std::int64_t kProbeEveryNs = 1'000'000;
// Some 16 us where every turn looks at the network: longer than a small message takes.
constexpr std::uint64_t kTurnsBetweenYields = 16;
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

void MpiWorld::Abort(const Status& cause, const std::function<void()>& before_telling) {
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
  if (before_telling) before_telling();
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
  if (net_) net_->AnnounceFailure();
  const Deadline patience = Deadline::After(kSendPatienceS);
  int done = 0;
  while (done == 0 && !patience.Expired()) {
    MPI_Testall(static_cast<int>(abort_requests_.size()), abort_requests_.data(), &done,
                MPI_STATUSES_IGNORE);
    if (net_) net_->Progress();
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
    return ReceiveAbortOf(static_cast<int>(by) - 1);
  }
  if (net_ && net_->failed_peer() >= 0) return ReceiveAbortOf(net_->failed_peer());
  const std::int64_t now_ns = SteadyClock().NowNs();
  if (now_ns < next_probe_ns_) return death_;
  next_probe_ns_ = now_ns + (must_poll_mpi_ ? kProbeOtherHostsEveryNs : kProbeEveryNs);
  CheckSlowly();
  return failed() ? failure_ : death_;
}

Status MpiWorld::ReceiveAbortOf(int rank) {
  ReceiveAbort(kReceivePatienceS);
  if (!failed()) {
    LatchFailure(Status::Aborted(
        StrCat("rank ", rank, " (host ", host_names_[rank], ") ended the job; see its output")));
  }
  return failure_;
}

// A rank that ends the job may be gone before it was heard.
Status MpiWorld::CauseBehind(const Status& failure) {
  if (net_ == nullptr || failed()) return failed() ? failure_ : failure;
  ReceiveAbort(kLastWordsPatienceS);
  return failed() ? failure_ : failure;
}

// A death is told to whoever asks here, not to the other ranks: the caller's Abort does that, with
// what this rank was doing.
void MpiWorld::CheckSlowly() {
  // A wait in shared memory passes here too: what this rank has posted must leave meanwhile, even
  // where the connection is only being made. Others may be waiting for it before they arrive.
  if (net_) net_->Progress();
  ReceiveAbort(0);
  const std::int64_t now_ns = SteadyClock().NowNs();
  if (failed() || now_ns < next_death_check_ns_) return;
  if (net_ && !net_->lost_peer().ok()) {
    death_ = CauseBehind(net_->lost_peer());
    return;
  }
  next_death_check_ns_ = now_ns + kDeathCheckEveryNs;
  const int dead = doorbell_->FindDeadPeer();
  if (dead < 0) {
    if (heartbeat_) death_ = heartbeat_->Beat();
    return;
  }
  death_ = Status::Aborted(StrCat("rank ", dead, " (host ", host_names_[dead],
                                  ") has ended without leaving the job: it crashed or was killed; "
                                  "see its output"));
}

void MpiWorld::Pause(std::uint64_t turns, bool on_net) {
  if (on_net && turns >= net_spin_turns_ && !mpi_wire_->is_busy()) {
    net_->Sleep(kSleepInDataS);
    return;
  }
  if (turns >= spin_turns_) {
    sched_yield();
    return;
  }
  if (crowd_.crowded() || turns % kTurnsBetweenYields == kTurnsBetweenYields - 1) {
    const SteadyClock clock;
    const std::int64_t start_ns = clock.NowNs();
    sched_yield();
    crowd_.Note(clock.NowNs() - start_ns);
    return;
  }
#if defined(__x86_64__)
  _mm_pause();
#endif
}

}  // namespace ronde
