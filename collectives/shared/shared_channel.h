#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "collectives/shared/wait_policy.h"
#include "core/base/clock.h"
#include "core/base/status.h"
#include "core/comm/shared_segment.h"
#include "core/comm/transport.h"

namespace ronde {

/// How the ranks of one host exchange data in lockstep through shared memory.
///
/// Each rank owns a slot of slot_bytes(). In a round, every rank writes to next_slot() and calls
/// Step(); when Step() returns, slot(r) shows what rank r wrote, until this rank's next Step(). A
/// part of it that is meant for this rank alone may be written too, as an answer, which rank r
/// finds in last_slot() after its next Step(). Slots are double-buffered, so writing for the next
/// round may begin at once: a rank enters Step() t+1 only after its reads of round t, and nobody
/// gets the buffer of round t back before all have entered t+1.
///
/// The smallest messages need no slot: they ride in the flag line that peers poll anyway, which
/// saves them the wait for a second cache line.
///
/// All ranks of the group must make the same sequence of Step() calls. After a failed one the
/// channel is out of step for good. Thread rule: engine-only.
class SharedChannel {
 public:
  /// The most that a flag line carries.
  static constexpr std::size_t kTinyBytes = 56;

  struct Options {
    int world_rank = 0;  ///< how this rank is called in messages
    std::size_t slot_bytes =
        256 << 10;  ///< local rank 0's value counts; a multiple of 64 after rounding up
    WaitPolicy wait;
  };

  /// Collective over `local`, whose ranks share a host; `local` must outlive the channel. Errors:
  /// kUnavailable on all ranks when memory cannot be shared; kTimeout, kAborted.
  [[nodiscard]] static Result<std::unique_ptr<SharedChannel>> Create(Transport& local,
                                                                     const Options& options,
                                                                     Deadline deadline);

  [[nodiscard]] int rank() const { return rank_; }
  [[nodiscard]] int size() const { return size_; }
  /// How much of a slot is used: all of it, unless set_slot_bytes has said otherwise.
  [[nodiscard]] std::size_t slot_bytes() const { return slot_bytes_; }
  /// From the next round on; between collectives, and the same on all ranks. Rounded down to a
  /// multiple of 64, at least 64 and at most what Create has allocated.
  void set_slot_bytes(std::size_t slot_bytes) {
    slot_bytes_ = std::clamp(slot_bytes / 64 * 64, std::size_t{64}, allocated_bytes_);
  }

  /// The same as next_slot() and slot(), but kTinyBytes in the flag line that peers poll anyway,
  /// 8-byte aligned: the smallest messages, for which it saves the wait for a second cache line.
  /// A round may use either or both.
  [[nodiscard]] std::byte* next_payload() const { return PayloadOf(rank_, step_ + 1); }
  [[nodiscard]] std::byte* payload(int rank) const { return PayloadOf(rank, step_); }

  /// Where this rank writes for the next round; 64-byte aligned.
  [[nodiscard]] std::byte* next_slot() const { return SlotOf(rank_, step_ + 1); }
  /// What `rank` wrote for the current round.
  [[nodiscard]] std::byte* slot(int rank) const { return SlotOf(rank, step_); }
  /// This rank's slot of the round before, with its peers' answers.
  [[nodiscard]] const std::byte* last_slot() const { return SlotOf(rank_, step_ - 1); }

  /// What else this thread has under way: called now and then while a round waits for peers, which
  /// then sleeps only briefly at a time. An error ends the wait. Empty: nothing.
  void set_meanwhile(std::function<Status()> work) { meanwhile_ = std::move(work); }

  /// Publishes this rank's slot and payload and waits for all others' of the same round, until
  /// `deadline`: one that has not started yet bounds this round alone.
  /// Errors: kTimeout naming the ranks that are missing; kAborted.
  Status Step(Deadline deadline);

 private:
  struct Line;
  struct Flags;

  static constexpr std::size_t kLineBytes = 64;
  static constexpr std::size_t kFlagBytes = 4096;  // keeps slots page-aligned

  SharedChannel(Transport& transport, SharedSegment segment, std::vector<int> world_ranks,
                std::size_t slot_bytes, WaitPolicy wait);

  [[nodiscard]] Flags& FlagsOf(int rank) const;
  [[nodiscard]] std::byte* SlotOf(int rank, std::uint64_t step) const {
    return parts_[rank] + kFlagBytes + (step % 2) * slot_stride_;
  }
  // Behind the number that opens the line.
  [[nodiscard]] std::byte* PayloadOf(int rank, std::uint64_t step) const {
    return parts_[rank] + (step % 2) * kLineBytes + (kLineBytes - kTinyBytes);
  }
  [[nodiscard]] Line& LineOf(int rank) const;
  [[nodiscard]] bool Arrived(int rank) const;
  void Publish();
  Status WaitForAll(const Deadline& deadline);
  void ShowCore();
  [[nodiscard]] bool SharesCore(int rank) const;
  Status WaitForOwnCore(const Deadline& deadline);
  [[nodiscard]] bool SpinBriefly(int rank) const;
  [[nodiscard]] bool SpinUntilArrived(int rank) const;
  [[nodiscard]] bool ArrivesSoon(int rank) const;
  Status WaitLongFor(int rank, const Deadline& deadline);
  void SleepUntilRung(int rank, std::int64_t timeout_ns);
  Status CheckWait(int rank, const Deadline& deadline);
  [[nodiscard]] Status Missing(int awaited) const;

  Transport* transport_;
  SharedSegment segment_;
  std::vector<std::byte*> parts_;  // of segment_, by rank
  std::vector<int> world_ranks_;
  std::size_t allocated_bytes_;  // for a slot
  std::size_t slot_stride_;      // from a slot to its twin
  std::size_t slot_bytes_;
  WaitPolicy wait_;
  int rank_;
  int size_;
  std::uint64_t step_ = 0;
  std::function<Status()> meanwhile_;
};

/// set_meanwhile for as long as this lives. `channel` may be null.
class MeanwhileScope {
 public:
  MeanwhileScope(SharedChannel* channel, std::function<Status()> work) : channel_(channel) {
    if (channel_ != nullptr) channel_->set_meanwhile(std::move(work));
  }
  ~MeanwhileScope() {
    if (channel_ != nullptr) channel_->set_meanwhile({});
  }
  MeanwhileScope(const MeanwhileScope&) = delete;
  MeanwhileScope& operator=(const MeanwhileScope&) = delete;

 private:
  SharedChannel* channel_;
};

}  // namespace ronde
