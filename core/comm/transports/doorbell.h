#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "core/base/clock.h"
#include "core/base/status.h"
#include "core/comm/transport.h"

namespace ronde {

/// One rank's page: what peers of its host may touch. Starts zero-filled.
struct DoorbellPage {
  alignas(128) std::atomic<std::uint32_t> bell;      ///< rises with every ring; the futex word
  std::atomic<std::uint32_t> sleeping;               ///< how the owner sleeps or is about to
  std::array<char, 8> socket_name;                   ///< the owner's, where it sleeps on one
  alignas(128) std::atomic<std::uint64_t> posted;    ///< control messages sent to the owner
  alignas(128) std::atomic<std::uint64_t> notice;    ///< what the owner has published
  std::atomic<std::uint64_t> life;                   ///< rises while the owner's engine works
  alignas(128) std::atomic<std::uint32_t> aborting;  ///< 1 + the rank that ended the job
  std::atomic<std::uint32_t> left;                   ///< the owner has ended its part in order
  std::atomic<std::int32_t> process;                 ///< the owner's process id
};
static_assert(sizeof(DoorbellPage) <= 4096);

/// The doorbells of one host's ranks, across processes. A wake-up cannot be lost: the bell is a
/// counter, the sleeper announces itself before it looks at the counter for the last time, and the
/// kernel compares once more. Who has to watch a descriptor too sleeps on that and a socket, to
/// which the ringer then sends a byte.
/// Thread rule: RingSelf and RingPeer from any thread; everything else from the engine's, or from
/// whoever has its turn.
class Doorbell {
 public:
  /// Allocates this rank's page. Error: kUnavailable.
  [[nodiscard]] static Result<std::unique_ptr<Doorbell>> Create(int rank, int size);
  ~Doorbell();
  Doorbell(const Doorbell&) = delete;
  Doorbell& operator=(const Doorbell&) = delete;

  /// Before any peer connects: SleepOn will be used. Error: kUnavailable.
  [[nodiscard]] Status OpenSocket();

  [[nodiscard]] RegionToken token() const { return own_->token(); }
  /// Maps the page of a peer on this host. Error: kUnavailable.
  [[nodiscard]] Status Connect(int peer, const RegionToken& token);
  /// Gives up all peers' pages: some rank could not map them, and all must agree on how they wake.
  void Disconnect();

  [[nodiscard]] bool connected(int peer) const { return pages_[peer] != nullptr; }
  [[nodiscard]] DoorbellPage& own() const { return *pages_[rank_]; }
  /// Requires connected(peer).
  [[nodiscard]] DoorbellPage& page(int peer) const { return *pages_[peer]; }
  /// The lowest connected rank, this one included; the same on all ranks of a host.
  [[nodiscard]] int leader() const;

  void RingSelf() const { Ring(own()); }
  void RingPeer(int peer) const { Ring(page(peer)); }
  /// Whether the bell rang since this last said so.
  [[nodiscard]] bool TakeRing();
  /// Sleeps until rung or the deadline; may return early. Does not take the ring. Where there is a
  /// `turn`, it is given up meanwhile.
  void Sleep(const Deadline& deadline, std::unique_lock<std::mutex>* turn = nullptr);
  /// Takes the ring; from now on whoever sleeps in Sleep is not woken.
  void Mute();
  /// It is again, and at once where it was rung meanwhile.
  void Unmute();
  /// The same, or until `descriptor` becomes readable. Needs OpenSocket.
  void SleepOn(int descriptor, const Deadline& deadline);
  /// The rank of a peer whose process has vanished without leaving in order, or -1.
  [[nodiscard]] int FindDeadPeer() const;
  /// Tells the peers that this rank's process may end from now on.
  void Leave();

 private:
  Doorbell(int rank, int size) : rank_(rank), pages_(size, nullptr), regions_(size) {}
  void Ring(DoorbellPage& page) const;
  // Whether a byte has reached the socket of that page's owner.
  [[nodiscard]] bool WakeSocket(const DoorbellPage& page) const;

  int rank_;
  std::vector<DoorbellPage*> pages_;
  std::unique_ptr<Region> own_;
  std::vector<std::unique_ptr<Region>> regions_;  // peers' pages
  std::uint32_t taken_ = 0;
  int socket_ = -1;
};

}  // namespace ronde
