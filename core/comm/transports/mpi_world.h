#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <mpi.h>

#include "core/base/config.h"
#include "core/base/status.h"
#include "core/comm/transport.h"
#include "core/comm/transports/crowd_sense.h"
#include "core/comm/transports/doorbell.h"
#include "core/comm/transports/mpi_heartbeat.h"
#include "core/comm/transports/mpi_wire.h"
#include "core/comm/transports/wire.h"

namespace ronde {

/// What a rank's world transport and its splits share: wires, who sits where, the doorbell, the
/// control plane and the job's liveness. Engine-only, except Ring() and RequestAbort().
class MpiWorld {
 public:
  /// Collective over MPI_COMM_WORLD. `make_net` may be null: MPI is the wire between hosts too.
  [[nodiscard]] static Result<std::unique_ptr<MpiWorld>> Create(NetWireFactory make_net,
                                                                const Config& config);
  ~MpiWorld();
  MpiWorld(const MpiWorld&) = delete;
  MpiWorld& operator=(const MpiWorld&) = delete;

  [[nodiscard]] int rank() const { return rank_; }
  [[nodiscard]] int size() const { return size_; }
  [[nodiscard]] const std::string& host_id(int rank) const { return host_ids_[rank]; }
  [[nodiscard]] const std::string& host_name(int rank) const { return host_names_[rank]; }

  // --- Wires.
  [[nodiscard]] std::string_view wire_name() const {
    return net_ ? net_->name() : mpi_wire_->name();
  }
  /// Whether the wire between hosts, one that is not MPI, leads to `peer`.
  [[nodiscard]] bool IsOnNet(int peer) const {
    return net_ != nullptr && host_ids_[peer] != host_ids_[rank_];
  }
  [[nodiscard]] Wire& WireTo(int peer) const {
    if (IsOnNet(peer)) return *net_;
    return *mpi_wire_;
  }
  /// Moves what can be moved on all wires.
  void Progress();
  /// What to report when a wire has failed: the job's cause of failure, if it is known soon.
  Status CauseBehind(const Status& failure);
  /// An MPI_Comm*, see Transport::native_communicator.
  [[nodiscard]] void* communicator() { return &data_; }

  // --- Control plane and doorbell; see Transport.
  Status Post(int peer, std::vector<std::byte> payload);
  Result<std::optional<ControlMessage>> Poll();
  void Ring() { doorbell_->RingSelf(); }
  [[nodiscard]] bool has_board() const { return all_connected_; }
  void Publish(std::uint64_t word) {
    doorbell_->own().notice.store(word, std::memory_order_seq_cst);
  }
  [[nodiscard]] std::uint64_t Published(int rank) const {
    return doorbell_->page(rank).notice.load(std::memory_order_seq_cst);
  }
  void RingPeers();
  /// MPI lets threads take turns, and nothing but the doorbell has to be slept on.
  [[nodiscard]] bool takes_turns() const;
  Status WaitForRing(const Deadline& deadline, std::unique_lock<std::mutex>* turn = nullptr);
  void MuteRings() { doorbell_->Mute(); }
  void UnmuteRings() { doorbell_->Unmute(); }

  // --- Liveness; see Transport.
  void Abort(const Status& cause, const std::function<void()>& before_telling = nullptr);
  void RequestAbort(const Status& cause);
  Status CheckLiveness();
  [[nodiscard]] bool failed() const { return !failure_.ok(); }
  [[nodiscard]] bool gave_cause() const { return gave_cause_; }
  [[nodiscard]] bool carries_device_memory() const {
    return net_ != nullptr && net_->carries_device_memory();
  }

  /// Called between two looks at something that has not happened yet: spins for a while, then
  /// yields the core. `turns` counts the calls of one wait.
  /// `on_net`: nothing else than the wire between hosts is waited for, which can be slept on.
  void Pause(std::uint64_t turns, bool on_net);

  // --- Groups: each has tags of its own on the wires.
  /// One more than the number of any group that this rank is in.
  [[nodiscard]] int FreeGroup() const { return groups_.empty() ? 1 : *groups_.rbegin() + 1; }
  /// The highest number for which all wires have tags.
  [[nodiscard]] int last_group() const;
  void Enter(int group) { groups_.insert(group); }
  void Leave(int group) { groups_.erase(group); }

  void CountSent(std::uint64_t bytes) { bytes_sent_ += bytes; }
  [[nodiscard]] std::uint64_t bytes_sent() const { return bytes_sent_; }

 private:
  struct Outgoing {
    std::vector<std::byte> payload;
    MPI_Request request = MPI_REQUEST_NULL;
  };
  struct Incoming {
    ControlMessage message;
    MPI_Request request = MPI_REQUEST_NULL;
  };

  MpiWorld() = default;
  Status DuplicateCommunicators();
  Status ExchangeHosts(bool makes_net, const Config& config);
  Status ConnectDoorbells(std::span<const RegionToken> tokens);
  Status MakeNet(NetWireFactory make_net, const Config& config);
  Result<std::vector<std::vector<std::byte>>> Exchange(std::span<const std::byte> own) const;
  void ChooseWaiting(const Config& config);

  Status ReceiveMatched(MPI_Message matched, const MPI_Status& status);
  Status CollectArrivals();
  void ProgressOutgoing();
  [[nodiscard]] bool HasLocalArrivals() const;
  [[nodiscard]] bool MustPoll() const;
  Result<bool> LookForMessages();
  void Sleep(const Deadline& deadline, std::int64_t idle_ns, std::unique_lock<std::mutex>* turn);

  void LatchFailure(const Status& cause);
  void SendAbort(const Status& cause);
  void ReceiveAbort(double patience_s);
  Status ReceiveAbortOf(int rank);
  void CheckSlowly();

  MPI_Comm data_ = MPI_COMM_NULL;
  MPI_Comm control_ = MPI_COMM_NULL;
  MPI_Comm abort_ = MPI_COMM_NULL;
  int rank_ = 0;
  int size_ = 1;
  std::vector<std::string> host_ids_;
  std::vector<std::string> host_names_;
  std::unique_ptr<Doorbell> doorbell_;
  std::unique_ptr<MpiHeartbeat> heartbeat_;
  std::unique_ptr<MpiWire> mpi_wire_;
  std::unique_ptr<NetWire> net_;  // to other hosts, where it is not MPI
  std::set<int> groups_;
  bool all_connected_ = true;     // every peer rings this rank's doorbell
  bool must_poll_mpi_ = false;    // some peers' messages come over MPI, and they cannot ring
  std::int64_t spin_ns_ = 0;      // in WaitForRing
  std::uint64_t spin_turns_ = 0;  // in data waits
  CrowdSense crowd_;
  std::uint64_t net_spin_turns_ = 0;  // in waits for other hosts, where the wire can be slept on

  std::list<Outgoing> outgoing_;   // posts that MPI still works on
  std::deque<Incoming> incoming_;  // in order of arrival; the first may be incomplete
  std::deque<ControlMessage> to_self_;
  std::uint64_t local_received_ = 0;  // of what connected peers have posted

  std::mutex request_mutex_;
  Status abort_request_;                      // guarded by request_mutex_
  std::atomic<bool> abort_requested_{false};  // abort_request_ has been set

  Status failure_;
  Status death_;             // of a peer, which this rank has seen and no Abort has told of yet
  bool gave_cause_ = false;  // failure_ is what this rank said
  std::vector<std::byte> abort_message_;
  std::vector<MPI_Request> abort_requests_;
  std::int64_t next_probe_ns_ = 0;
  std::int64_t next_death_check_ns_ = 0;
  std::uint64_t bytes_sent_ = 0;
};

}  // namespace ronde
