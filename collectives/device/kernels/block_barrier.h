#pragma once

#include <cstdint>

#include "collectives/device/kernels/peer_flags.h"
#include "core/device/space.h"

namespace ronde::kernels {

/// Lets block b of all ranks wait for one another: whatever any thread of them has written before
/// is seen by all threads of them afterwards. Blocks of different numbers have nothing to do with
/// each other, so that none must run for another to end.
///
///     rank 0, block b                rank 1, block b
///     write data                     write data
///     flags of rank 1 [b][0] = round flags of rank 0 [b][1] = round     store, release
///     wait: own [b][1] >= round      wait: own [b][0] >= round          load, acquire
///     read the peer's data           read the peer's data
///
/// Each wait watches the abort word, the word with which other blocks say that they have given up,
/// and the time. The round comes from device memory and returns there. Without `state` there is
/// nobody to wait for.
template <typename Space>
class BlockBarrier {
 public:
  RONDE_DEVICE_CODE BlockBarrier(Space& space, const PeerSync& sync)
      : space_(space),
        sync_(sync),
        alone_(sync.state == nullptr),
        round_(alone_ ? 0 : space.LoadRelaxed(sync.state + space.block())),
        stopped_(!alone_ && space.LoadRelaxed(sync.state + kPeerStoppedWord) != 0) {}

  /// All threads of the block call it. False for all of them if the block must return at once.
  RONDE_DEVICE_CODE bool Wait() {
    if (alone_) return true;
    ++round_;
    if (space_.SyncBlockOr(stopped_)) return false;
    for (int peer = space_.thread(); peer < sync_.ranks; peer += space_.threads()) {
      if (peer == sync_.rank) continue;
      space_.StoreRelease(sync_.flags[peer] + FlagSlot(space_.block(), sync_.rank), round_);
    }
    bool all_came = true;
    for (int peer = space_.thread(); peer < sync_.ranks; peer += space_.threads()) {
      all_came = all_came && WaitFor(peer);
    }
    if (!space_.SyncBlockOr(!all_came)) return true;
    // By the first thread alone, so that the record has one writer.
    return !space_.SyncBlockOr(space_.thread() == 0 && GiveUp());
  }

  /// After the last successful Wait(), by all threads: the next launch goes on from here.
  RONDE_DEVICE_CODE void Finish() {
    if (alone_ || space_.thread() != 0) return;
    space_.StoreRelaxed(sync_.state + space_.block(), round_);
  }

 private:
  // Looking at the abort word means reading host memory: a microsecond or two.
  static constexpr int kTurnsBetweenLooks = 64;

  RONDE_DEVICE_CODE std::uint64_t Seen(int peer) {
    return space_.LoadAcquire(sync_.flags[sync_.rank] + FlagSlot(space_.block(), peer));
  }
  RONDE_DEVICE_CODE bool Stopped() {
    return space_.LoadRelaxed(sync_.state + kPeerStoppedWord) != 0;
  }
  RONDE_DEVICE_CODE bool Aborted() { return space_.LoadRelaxed(sync_.abort_word) != 0; }

  RONDE_DEVICE_CODE bool WaitFor(int peer) {
    if (peer == sync_.rank) return true;
    std::int64_t begin_ns = 0;  // read at the first look: most waits end before it
    for (int turn = 1; Seen(peer) < round_; ++turn) {
      space_.Pause();
      if (turn % kTurnsBetweenLooks != 0) continue;
      if (Stopped() || Aborted()) return false;
      const std::int64_t now_ns = space_.NowNs();
      if (begin_ns == 0) begin_ns = now_ns;
      if (now_ns - begin_ns >= sync_.timeout_ns) return false;
    }
    return true;
  }

  /// False if everybody has come in the meantime after all.
  RONDE_DEVICE_CODE bool GiveUp() {
    if (Aborted()) {
      Report(DeviceFaultKind::kAborted, sync_.rank, round_);
      return true;
    }
    for (int peer = 0; peer < sync_.ranks; ++peer) {
      const std::uint64_t seen = peer == sync_.rank ? round_ : Seen(peer);
      if (seen >= round_) continue;
      // Where another block has given up, its record says why.
      if (!Stopped()) Report(DeviceFaultKind::kTimeout, peer, seen);
      return true;
    }
    return false;
  }

  RONDE_DEVICE_CODE void Report(DeviceFaultKind kind, int peer, std::uint64_t seen) {
    FaultRecord* const record = sync_.faults + space_.block();
    space_.StoreRelaxed(&record->block, static_cast<std::uint64_t>(space_.block()));
    space_.StoreRelaxed(&record->peer, static_cast<std::uint64_t>(peer));
    space_.StoreRelaxed(&record->expected, round_);
    space_.StoreRelaxed(&record->seen, seen);
    space_.StoreRelease(&record->kind, static_cast<std::uint64_t>(kind));
    space_.StoreRelease(sync_.state + kPeerStoppedWord, 1);
  }

  Space& space_;
  const PeerSync& sync_;
  const bool alone_;
  std::uint64_t round_;
  const bool stopped_;
};

}  // namespace ronde::kernels
