#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <tuple>
#include <vector>

#include "core/base/clock.h"
#include "core/base/status.h"
#include "core/comm/transport.h"

namespace ronde::in_process {

/// How a wait ended.
enum class WaitOutcome { kDone, kTimeout, kAborted };

/// Waits on `condition` until `ready()`, an abort or the deadline; `lock` is held on return.
template <typename Ready>
WaitOutcome WaitUntil(std::unique_lock<std::mutex>& lock, std::condition_variable& condition,
                      const Deadline& deadline, const std::atomic<bool>& aborted, Ready ready) {
  while (true) {
    if (ready()) return WaitOutcome::kDone;
    // Acquire: the cause that was written before the flag is read after it.
    if (aborted.load(std::memory_order_acquire)) return WaitOutcome::kAborted;
    const std::int64_t left_ns = deadline.RemainingNs();
    if (left_ns == 0) return WaitOutcome::kTimeout;
    if (left_ns == INT64_MAX) {
      condition.wait(lock);
    } else {
      condition.wait_for(lock, std::chrono::nanoseconds(left_ns));
    }
  }
}

/// A message on its way. Small ones are copied; large ones stay in the sender's memory until taken.
struct Letter {
  std::span<const std::byte> data;
  std::vector<std::byte> copy;
  bool taken = false;
};

/// A receive that waits for its message.
struct Slip {
  std::span<std::byte> out;
  std::size_t size_bytes = 0;  ///< the message's; only one of the size of `out` is copied
  bool filled = false;
};

/// The messages of one (group, source, destination, tag), in order. Thread-safe.
class Mailbox {
 public:
  explicit Mailbox(const std::atomic<bool>& aborted) : aborted_(aborted) {}

  /// Messages above this size wait for their receiver, as they do over MPI: an order of sends that
  /// deadlocks there deadlocks here too.
  static constexpr std::size_t kEagerBytes = 64 * 1024;

  /// Queues a message. When it is a large one, WaitTaken must follow before `data` is reused.
  [[nodiscard]] std::shared_ptr<Letter> Put(std::span<const std::byte> data);
  /// Blocks until a large letter was taken; withdraws it when that fails.
  WaitOutcome WaitTaken(const std::shared_ptr<Letter>& letter, const Deadline& deadline);
  /// Whether `letter` may be forgotten, now.
  [[nodiscard]] bool IsTaken(const Letter& letter);
  /// Gives `letter` up, if it was not taken.
  void Withdraw(const std::shared_ptr<Letter>& letter);

  /// Queues a receive: it gets the message whose turn it is. WaitFilled or Withdraw must follow.
  [[nodiscard]] std::shared_ptr<Slip> Ask(std::span<std::byte> out);
  /// Blocks until `slip` is filled; withdraws it when that fails.
  WaitOutcome WaitFilled(const std::shared_ptr<Slip>& slip, const Deadline& deadline);
  [[nodiscard]] bool IsFilled(const Slip& slip);
  void Withdraw(const std::shared_ptr<Slip>& slip);

  /// Wakes all waiters to look at the abort flag.
  void WakeAll();

 private:
  void Match();  // under mutex_

  const std::atomic<bool>& aborted_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::shared_ptr<Letter>> letters_;  // of these two one is always empty
  std::deque<std::shared_ptr<Slip>> slips_;
};

/// One rank's control messages and doorbell. Thread-safe.
class Inbox {
 public:
  explicit Inbox(const std::atomic<bool>& aborted) : aborted_(aborted) {}

  void Deliver(ControlMessage message);
  std::optional<ControlMessage> Next();
  void Ring();
  /// Without `turn`, if there is one, while it sleeps.
  WaitOutcome WaitForRing(const Deadline& deadline, std::unique_lock<std::mutex>* turn = nullptr);
  void Mute();
  void Unmute();
  void WakeAll();

 private:
  const std::atomic<bool>& aborted_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<ControlMessage> messages_;
  bool rung_ = false;
  bool muted_ = false;
};

/// Page-aligned, zero-filled memory that lives as long as anyone has it mapped.
class Memory {
 public:
  explicit Memory(std::size_t size_bytes);
  ~Memory();
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  [[nodiscard]] std::byte* data() const { return data_; }
  [[nodiscard]] std::size_t size_bytes() const { return size_bytes_; }

 private:
  std::byte* data_;
  std::size_t size_bytes_;
};

/// What the ranks of one in-process job share. Thread-safe.
class SharedState {
 public:
  explicit SharedState(int size);

  [[nodiscard]] Inbox& inbox(int world_rank) { return *inboxes_[world_rank]; }
  /// What a rank has on its notice board.
  [[nodiscard]] std::atomic<std::uint64_t>& notice(int world_rank) { return notices_[world_rank]; }
  /// The mailbox of that address, made on first use; valid until all members have left the group.
  [[nodiscard]] Mailbox& MailboxOf(std::uint64_t group, int source, int destination, int tag);
  /// `count` group ids that nobody else has.
  [[nodiscard]] std::uint64_t NewGroups(std::uint64_t count);
  /// One of its `members` is done with it; the last takes its mailboxes along.
  void LeaveGroup(std::uint64_t group, int members);

  /// Registers memory; the id finds it while somebody keeps it.
  std::uint64_t AddMemory(const std::shared_ptr<Memory>& memory);
  [[nodiscard]] std::shared_ptr<Memory> FindMemory(std::uint64_t id);

  /// The first cause wins.
  /// Whether `cause` is the first.
  bool Abort(const Status& cause);
  [[nodiscard]] bool aborted() const { return aborted_.load(std::memory_order_acquire); }
  /// kAborted with the first cause's message; kOk before.
  [[nodiscard]] Status status();

 private:
  std::atomic<bool> aborted_{false};
  std::mutex mutex_;  // guards what follows
  Status cause_;
  std::uint64_t next_group_ = 1;
  std::map<std::uint64_t, int> left_;  // groups that some have left: how many
  std::uint64_t next_memory_ = 1;
  std::map<std::uint64_t, std::weak_ptr<Memory>> memories_;
  std::map<std::tuple<std::uint64_t, int, int, int>, std::unique_ptr<Mailbox>> mailboxes_;
  std::vector<std::unique_ptr<Inbox>> inboxes_;  // immutable after construction
  std::vector<std::atomic<std::uint64_t>> notices_;
};

}  // namespace ronde::in_process
