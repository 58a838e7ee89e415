#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/clock.h"
#include "core/base/status.h"

namespace ronde {

/// A control message as it arrived.
struct ControlMessage {
  int source = 0;
  std::vector<std::byte> payload;
};

/// How a peer on the same host finds a region; opaque, sendable by value.
struct RegionToken {
  std::array<std::uint64_t, 4> words{};
};

/// Memory that peers on the same host can map: released when destroyed. Move-only.
class Region {
 public:
  virtual ~Region() = default;
  [[nodiscard]] virtual std::byte* data() const = 0;
  [[nodiscard]] virtual std::size_t size_bytes() const = 0;
  [[nodiscard]] virtual RegionToken token() const = 0;  ///< meaningful for the owner's region
  /// Replaces this process's view of the pages that these bytes lie on by private ones with the
  /// same contents at the same addresses: what peers write there from now on is not seen, and what
  /// other threads of this process write there meanwhile may be lost. Where ranks share an address
  /// space: nothing.
  virtual void Detach(std::size_t /*offset*/, std::size_t /*size_bytes*/) {}
};

/// A send or a receive under way. Its buffer belongs to the transport until it is complete or this
/// is destroyed, which gives it up. Used by the transport's thread; must not outlive it. Move-only.
class PendingTransfer {
 public:
  virtual ~PendingTransfer() = default;
  /// Moves what can be moved without waiting; whether the transfer is complete. Errors: kAborted.
  virtual Result<bool> Progress() = 0;
  /// Blocks until it is complete. Errors: kTimeout, kAborted.
  virtual Status Finish(Deadline deadline) = 0;
};

/// Point-to-point communication inside one group of ranks. Knows nothing of reduction.
///
/// Every wait has a deadline and watches the job's liveness: once any rank has called Abort, all
/// pending and later operations on all ranks return kAborted with that rank's cause.
///
/// Thread rule: one thread at a time (the engine's, but see takes_turns), except Ring() and
/// RequestAbort(), which any thread may call.
class Transport {
 public:
  virtual ~Transport() = default;

  [[nodiscard]] virtual std::string_view name() const = 0;  ///< "in_process", "mpi"
  [[nodiscard]] virtual int rank() const = 0;
  [[nodiscard]] virtual int size() const = 0;
  /// Equal for ranks that can map each other's regions.
  [[nodiscard]] virtual const std::string& host_id(int rank) const = 0;
  /// For messages to people: the host's name.
  [[nodiscard]] virtual const std::string& host_name(int rank) const = 0;

  // --- Data. Tags are 0..1023; messages of one (pair, tag) keep their order. Sizes must agree.
  /// Blocks until `data` may be reused. Errors: kTimeout, kAborted.
  virtual Status Send(int peer, int tag, std::span<const std::byte> data, Deadline deadline) = 0;
  /// Blocks until `data` is filled. Errors: kTimeout, kAborted.
  virtual Status Receive(int peer, int tag, std::span<std::byte> data, Deadline deadline) = 0;
  /// Both at once, so that rings and pairwise exchanges cannot deadlock. Either span may be empty.
  virtual Status SendReceive(int destination, std::span<const std::byte> send, int source,
                             std::span<std::byte> receive, int tag, Deadline deadline) = 0;

  /// Send without waiting: other work, and other transfers, go on meanwhile. Messages of one (pair,
  /// tag) keep the order in which they were started, blocking ones included. Wherever the thread
  /// waits for one transfer, all of this transport and its splits make progress.
  virtual Result<std::unique_ptr<PendingTransfer>> StartSend(int peer, int tag,
                                                             std::span<const std::byte> data) = 0;
  /// The same for Receive.
  virtual Result<std::unique_ptr<PendingTransfer>> StartReceive(int peer, int tag,
                                                                std::span<std::byte> data) = 0;

  // --- Control: any size, never blocks, ordered per pair; arrival rings the receiver's doorbell.
  virtual Status Post(int peer, std::vector<std::byte> payload) = 0;
  /// The next control message from any peer, or nothing.
  virtual Result<std::optional<ControlMessage>> Poll() = 0;

  // --- Doorbell: how an idle engine sleeps.
  /// Wakes this rank's WaitForRing. Any thread.
  virtual void Ring() = 0;
  /// Sleeps until rung (by Ring or by a Post of a peer) since the last return, or the deadline;
  /// both return kOk: callers look at their queues. Error: kAborted.
  virtual Status WaitForRing(Deadline deadline) = 0;

  // --- Turns: another thread may take the engine's part while that sleeps. Where takes_turns(),
  // the thread rule is: whoever holds the turn, a lock of the engine's.
  [[nodiscard]] virtual bool takes_turns() const { return false; }
  /// As WaitForRing, without `turn` while it sleeps; holds it again on return.
  virtual Status WaitForRing(Deadline deadline, std::unique_lock<std::mutex>& /*turn*/) {
    return WaitForRing(std::move(deadline));
  }
  /// Rings up to now are known of, and later ones wake nobody before UnmuteRings: to be called by
  /// who has taken the turn of a sleeper.
  virtual void MuteRings() {}
  /// Wakes the sleeper where it has been rung since the last MuteRings.
  virtual void UnmuteRings() {}

  // --- Notice board: one word a rank, seen by peers without a message. Sequentially consistent: of
  // two ranks that each publish and then look, at least one sees the other's word.
  /// All ranks have one: they share a host. The rest of this needs it.
  [[nodiscard]] virtual bool has_board() const { return false; }
  /// Shows `word` to all ranks; wakes nobody.
  virtual void Publish(std::uint64_t /*word*/) {}
  /// What `rank` showed last; 0 before.
  [[nodiscard]] virtual std::uint64_t Published(int /*rank*/) const { return 0; }
  /// Wakes the WaitForRing of every peer.
  virtual void RingPeers() {}

  // --- Regions.
  /// Zero-filled, page-aligned memory. Error: kUnavailable.
  virtual Result<std::unique_ptr<Region>> AllocateRegion(std::size_t size_bytes) = 0;
  /// Maps a region that `peer` has allocated. Error: kUnavailable (another host, or not permitted).
  virtual Result<std::unique_ptr<Region>> MapRegion(int peer, const RegionToken& token,
                                                    std::size_t size_bytes) = 0;

  // --- Liveness.
  /// Ends the job for all ranks of the world with `cause`; the first cause wins. Where that is this
  /// one, `before_telling`, if any, is called before another rank hears of it and may end.
  virtual void Abort(const Status& cause, const std::function<void()>& before_telling) = 0;
  void Abort(const Status& cause) { Abort(cause, nullptr); }
  /// Whether the cause with which the job has ended is this rank's, so that it is its to tell.
  [[nodiscard]] virtual bool gave_cause() const { return false; }
  /// The same while the engine's thread waits in a data operation, which ends promptly. Any thread.
  virtual void RequestAbort(const Status& cause) = 0;
  /// kOk, or kAborted with the cause. Cheap enough for wait loops.
  virtual Status CheckLiveness() = 0;

  // --- Groups.
  /// Collective: ranks of equal `color` form a group, ordered by (key, rank). The child shares
  /// liveness and statistics with its parent, has no control plane, and must not outlive it. What
  /// it takes is given back with it. Errors: kTimeout, kAborted; kUnavailable on all ranks alike
  /// where there are more groups than the transport can tell apart.
  virtual Result<std::unique_ptr<Transport>> Split(int color, int key, Deadline deadline) = 0;

  /// Bytes of data that this rank has sent to peers, splits included.
  [[nodiscard]] virtual std::uint64_t bytes_sent() const = 0;
  /// Whether messages to other hosts may be sent from and received into memory of CUDA devices.
  [[nodiscard]] virtual bool carries_device_memory() const { return false; }

  /// The library's own communicator for algorithms that hand over to it (an MPI_Comm* for the
  /// world of "mpi"); null elsewhere.
  [[nodiscard]] virtual void* native_communicator() { return nullptr; }
};

}  // namespace ronde
