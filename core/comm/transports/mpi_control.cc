// The control plane and the doorbell of MpiWorld.
//
// A post is an MPI message plus, to a peer on this host, a count in the peer's page and a ring. The
// count is there because a ring can overtake its message: MPI shows a message only once the
// receiver has made MPI progress, so Poll knows from the count how long to insist. Between hosts a
// post travels on the wire that carries the data; a wire other than MPI wakes the sleeper.

#include <sched.h>

#include <algorithm>
#include <climits>

#include "core/base/strcat.h"
#include "core/comm/transport_errors.h"
#include "core/comm/transports/mpi_environment.h"
#include "core/comm/transports/mpi_world.h"

namespace ronde {
namespace {

constexpr int kControlTag = 0;
constexpr double kInsistS = 200e-6;
// Where peers cannot ring, MPI cannot be waited for without spinning: it is looked at this often.
constexpr double kPollEveryS = 200e-6;
constexpr double kPollSeldomEveryS = 10e-3;
// An upper bound for sleeps, so that a vanished peer is noticed.
constexpr double kLivenessEveryS = 0.25;

Deadline Sooner(const Deadline& deadline, double seconds) {
  const double left_s = static_cast<double>(deadline.RemainingNs()) * 1e-9;
  return Deadline::After(std::min(left_s, seconds));
}

}  // namespace

Status MpiWorld::Post(int peer, std::vector<std::byte> payload) {
  RONDE_RETURN_IF_ERROR(CheckLiveness());
  if (peer == rank_) {
    to_self_.push_back({rank_, std::move(payload)});
    doorbell_->RingSelf();
    return Status::Ok();
  }
  if (IsOnNet(peer)) return net_->Post(peer, std::move(payload));
  if (payload.size() > INT_MAX) {
    return Status::Internal(StrCat("a control message of ", payload.size(), " bytes is too long"));
  }
  Outgoing& post = outgoing_.emplace_back();
  post.payload = std::move(payload);
  const int code = MPI_Isend(post.payload.data(), static_cast<int>(post.payload.size()), MPI_BYTE,
                             peer, kControlTag, control_, &post.request);
  if (code != MPI_SUCCESS) {
    outgoing_.pop_back();
    return MpiError(code, "MPI_Isend");
  }
  if (doorbell_->connected(peer)) {
    // Relaxed: the ring that follows publishes it.
    doorbell_->page(peer).posted.fetch_add(1, std::memory_order_relaxed);
    doorbell_->RingPeer(peer);
  }
  ProgressOutgoing();
  return Status::Ok();
}

void MpiWorld::RingPeers() {
  for (int peer = 0; peer < size_; ++peer) {
    if (peer != rank_) doorbell_->RingPeer(peer);
  }
}

void MpiWorld::ProgressOutgoing() {
  for (auto post = outgoing_.begin(); post != outgoing_.end();) {
    int done = 0;
    MPI_Test(&post->request, &done, MPI_STATUS_IGNORE);
    post = done != 0 ? outgoing_.erase(post) : std::next(post);
  }
}

bool MpiWorld::HasLocalArrivals() const {
  return doorbell_->own().posted.load(std::memory_order_acquire) > local_received_;
}

Status MpiWorld::ReceiveMatched(MPI_Message matched, const MPI_Status& status) {
  int size_bytes = 0;
  MPI_Get_count(&status, MPI_BYTE, &size_bytes);
  Incoming& arrival = incoming_.emplace_back();
  arrival.message.source = status.MPI_SOURCE;
  arrival.message.payload.resize(static_cast<std::size_t>(size_bytes));
  if (doorbell_->connected(status.MPI_SOURCE)) ++local_received_;
  const int code =
      MPI_Imrecv(arrival.message.payload.data(), size_bytes, MPI_BYTE, &matched, &arrival.request);
  return code == MPI_SUCCESS ? Status::Ok() : MpiError(code, "MPI_Imrecv");
}

Status MpiWorld::CollectArrivals() {
  const Deadline insist = Deadline::After(kInsistS);
  while (HasLocalArrivals() || must_poll_mpi_) {
    int found = 0;
    MPI_Message matched = MPI_MESSAGE_NULL;
    MPI_Status status;
    const int code = MPI_Improbe(MPI_ANY_SOURCE, kControlTag, control_, &found, &matched, &status);
    if (code != MPI_SUCCESS) return MpiError(code, "MPI_Improbe");
    if (found != 0) {
      RONDE_RETURN_IF_ERROR(ReceiveMatched(matched, status));
    } else if (!HasLocalArrivals() || insist.Expired()) {
      break;
    } else {
      sched_yield();
    }
  }
  return Status::Ok();
}

Result<std::optional<ControlMessage>> MpiWorld::Poll() {
  RONDE_RETURN_IF_ERROR(CheckLiveness());
  ProgressOutgoing();
  std::optional<ControlMessage> message;
  if (!to_self_.empty()) {
    message = std::move(to_self_.front());
    to_self_.pop_front();
    return message;
  }
  if (net_) {
    net_->Progress();
    message = net_->Poll();
    if (message) return message;
  }
  if (incoming_.empty()) RONDE_RETURN_IF_ERROR(CollectArrivals());
  if (incoming_.empty()) return message;
  int done = 0;
  MPI_Test(&incoming_.front().request, &done, MPI_STATUS_IGNORE);
  if (done == 0) return message;  // a long one: its end is still on the way
  message = std::move(incoming_.front().message);
  incoming_.pop_front();
  return message;
}

// Whether MPI has to be looked at because nobody will ring when it gets further.
bool MpiWorld::MustPoll() const {
  return must_poll_mpi_ || !outgoing_.empty() || !incoming_.empty() || HasLocalArrivals();
}

bool MpiWorld::takes_turns() const {
  int level = MPI_THREAD_SINGLE;
  MPI_Query_thread(&level);
  return level >= MPI_THREAD_SERIALIZED && all_connected_ && net_ == nullptr;
}

Status MpiWorld::WaitForRing(const Deadline& deadline, std::unique_lock<std::mutex>* turn) {
  const std::int64_t started_ns = SteadyClock().NowNs();
  const Deadline spin = Sooner(deadline, static_cast<double>(spin_ns_) * 1e-9);
  while (true) {
    RONDE_RETURN_IF_ERROR(CheckLiveness());
    if (doorbell_->TakeRing()) return Status::Ok();
    RONDE_ASSIGN_OR_RETURN(const bool arrived, LookForMessages());
    if (arrived || deadline.Expired()) return Status::Ok();
    if (!spin.Expired()) continue;
    Sleep(deadline, SteadyClock().NowNs() - started_ns, turn);
  }
}

Result<bool> MpiWorld::LookForMessages() {
  if (net_) {
    net_->Progress();
    if (net_->HasMessage()) return true;
  }
  if (!MustPoll()) return false;
  ProgressOutgoing();
  const std::size_t before = incoming_.size();
  RONDE_RETURN_IF_ERROR(CollectArrivals());
  int done = 0;
  if (!incoming_.empty()) {
    MPI_Request_get_status(incoming_.front().request, &done, MPI_STATUS_IGNORE);
  }
  return done != 0 || incoming_.size() > before;
}

// One that has been idle for long looks less often: the delay stays a small part of the idle time.
void MpiWorld::Sleep(const Deadline& deadline, std::int64_t idle_ns,
                     std::unique_lock<std::mutex>* turn) {
  const double poll_s =
      std::clamp(static_cast<double>(idle_ns) * 1e-9 / 50, kPollEveryS, kPollSeldomEveryS);
  const Deadline until = Sooner(deadline, MustPoll() ? poll_s : kLivenessEveryS);
  if (net_ == nullptr) {
    doorbell_->Sleep(until, turn);
  } else if (net_->Arm()) {
    doorbell_->SleepOn(net_->event_descriptor(), until);
  }
}

}  // namespace ronde
