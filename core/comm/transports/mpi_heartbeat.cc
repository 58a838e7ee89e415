#include "core/comm/transports/mpi_heartbeat.h"

#include <algorithm>
#include <cmath>

#include "core/base/clock.h"
#include "core/base/strcat.h"

namespace ronde {
namespace {

constexpr int kLifeTag = 1;
constexpr std::uint64_t kGone = UINT64_MAX;
constexpr std::int64_t kSendAtMostEveryNs = 5'000'000'000;

}  // namespace

MpiHeartbeat::MpiHeartbeat(MPI_Comm comm, Doorbell& doorbell,
                           const std::vector<std::string>& host_ids,
                           const std::vector<std::string>& host_names, double patience_s)
    : comm_(comm),
      doorbell_(doorbell),
      host_names_(host_names),
      send_every_ns_(std::min(static_cast<std::int64_t>(patience_s * 1e9 / 4), kSendAtMostEveryNs)),
      next_send_ns_(SteadyClock().NowNs() + send_every_ns_),
      signs_(static_cast<int>(host_ids.size()), static_cast<std::int64_t>(patience_s * 1e9),
             SteadyClock().NowNs()) {
  MPI_Comm_rank(comm_, &rank_);
  const auto leader_of = [&](int rank) {
    const auto first = std::find(host_ids.begin(), host_ids.end(), host_ids[rank]);
    return static_cast<int>(first - host_ids.begin());
  };
  for (int peer = 0; peer < static_cast<int>(host_ids.size()); ++peer) {
    if (peer != rank_ && doorbell_.connected(peer)) continue;
    const bool other_host = host_ids[peer] != host_ids[rank_];
    if (other_host && leader_of(rank_) == rank_ && leader_of(peer) == peer) {
      other_hosts_.push_back({.peer = peer});
    } else {
      signs_.Left(peer);  // somebody else looks after it
    }
  }
}

// What MPI has not sent by now stays its own: the buffers' last words are lost with them.
MpiHeartbeat::~MpiHeartbeat() {
  for (Sent& sent : other_hosts_) {
    if (sent.request == MPI_REQUEST_NULL) continue;
    int done = 0;
    MPI_Test(&sent.request, &done, MPI_STATUS_IGNORE);
    if (done == 0) {
      MPI_Cancel(&sent.request);
      MPI_Request_free(&sent.request);
    }
  }
}

Status MpiHeartbeat::Beat() {
  const std::int64_t now_ns = SteadyClock().NowNs();
  // Relaxed: nothing is read on the strength of it.
  doorbell_.own().life.store(++counter_, std::memory_order_relaxed);
  LookAtThisHost(now_ns);
  if (!other_hosts_.empty()) {
    ReceiveFromOtherHosts(now_ns);
    if (now_ns >= next_send_ns_) {
      next_send_ns_ = now_ns + send_every_ns_;
      SendToOtherHosts(counter_);
    }
  }
  const std::optional<LifeSigns::Silence> silence = signs_.Longest(now_ns);
  if (!silence) return Status::Ok();
  const std::string& host = host_names_[silence->peer];
  const double seconds = std::round(static_cast<double>(silence->lasted_ns) * 1e-8) / 10;
  const std::string_view what = doorbell_.connected(silence->peer)
                                    ? "its process is stopped or hangs"
                                    : "it is stopped, or its host or the link to it is down";
  return Status::Aborted(StrCat("rank ", silence->peer, " (host ", host,
                                ") has given no sign of life for ", seconds, " s: ", what));
}

void MpiHeartbeat::LookAtThisHost(std::int64_t now_ns) {
  for (int peer = 0; peer < static_cast<int>(host_names_.size()); ++peer) {
    if (peer == rank_ || !doorbell_.connected(peer)) continue;
    const DoorbellPage& page = doorbell_.page(peer);
    if (page.left.load(std::memory_order_acquire) != 0) signs_.Left(peer);
    signs_.Saw(peer, page.life.load(std::memory_order_relaxed), now_ns);
  }
}

// A counter that could not be sent is not queued behind: it says no more than the next.
void MpiHeartbeat::SendToOtherHosts(std::uint64_t counter) {
  for (Sent& sent : other_hosts_) {
    int done = 1;
    if (sent.request != MPI_REQUEST_NULL) MPI_Test(&sent.request, &done, MPI_STATUS_IGNORE);
    if (done == 0) continue;
    sent.counter = counter;
    MPI_Isend(&sent.counter, 1, MPI_UINT64_T, sent.peer, kLifeTag, comm_, &sent.request);
  }
}

void MpiHeartbeat::ReceiveFromOtherHosts(std::int64_t now_ns) {
  while (true) {
    int found = 0;
    MPI_Message matched = MPI_MESSAGE_NULL;
    MPI_Status status;
    if (MPI_Improbe(MPI_ANY_SOURCE, kLifeTag, comm_, &found, &matched, &status) != MPI_SUCCESS ||
        found == 0) {
      return;
    }
    std::uint64_t counter = 0;
    MPI_Mrecv(&counter, 1, MPI_UINT64_T, &matched, MPI_STATUS_IGNORE);
    if (counter == kGone) signs_.Left(status.MPI_SOURCE);
    signs_.Saw(status.MPI_SOURCE, counter, now_ns);
  }
}

void MpiHeartbeat::Leave() { SendToOtherHosts(kGone); }

}  // namespace ronde
