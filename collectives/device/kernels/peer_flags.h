#pragma once

#include <cstdint>

#include "core/device/space.h"

namespace ronde {

/// How many ranks of a host the kernels work with.
inline constexpr int kMaxPeers = 16;
/// How many blocks may run a kernel that waits for peers.
inline constexpr int kMaxPeerBlocks = 128;

/// The flags of one channel, in the memory of one rank: for each block a line of 128 bytes with a
/// slot for each peer, which nobody else writes. A slot holds the number of the round that the peer
/// has reached; it only grows. All zero in the beginning.
inline constexpr int kFlagSlots = kMaxPeerBlocks * kMaxPeers;
[[nodiscard]] RONDE_DEVICE_CODE constexpr int FlagSlot(int block, int peer) {
  return block * kMaxPeers + peer;
}

/// Why a kernel gave up.
enum class DeviceFaultKind : std::uint64_t {
  kNone = 0,
  kTimeout = 1,  ///< a peer did not reach the round in time
  kAborted = 2,  ///< the abort word was set
};

/// What a block leaves behind when it gives up; in pinned host memory, all zero in the beginning.
/// `kind` is written last, once.
struct FaultRecord {
  std::uint64_t kind = 0;      ///< DeviceFaultKind
  std::uint64_t block = 0;     ///< which block
  std::uint64_t peer = 0;      ///< kTimeout: the first rank that is missing
  std::uint64_t expected = 0;  ///< the round that was waited for
  std::uint64_t seen = 0;      ///< the round that the peer had reached
};

/// What a kernel needs to meet its peers: plain data. The flags are aligned to 128 bytes.
///
/// `state` is device memory of this rank alone, kPeerStateWords words, all zero in the beginning:
/// the round of each block, which kernels read and write back, so that the arguments of a launch
/// never change and it can be captured in a CUDA graph; and behind them a word that says that a
/// kernel has given up. Then all later launches return at once, without touching any output.
struct PeerSync {
  int rank = 0;
  int ranks = 1;
  std::uint64_t* flags[kMaxPeers] = {};  ///< of each rank, as mapped here; [rank]: this rank's own
  std::uint64_t* state = nullptr;
  const std::uint64_t* abort_word = nullptr;  ///< pinned host memory; not 0: give up
  FaultRecord* faults = nullptr;              ///< pinned host memory; [kMaxPeerBlocks]
  std::int64_t timeout_ns = 0;                ///< of each wait
};
inline constexpr int kPeerStateWords = kMaxPeerBlocks + 1;
/// The word of `state` that says that a kernel has given up.
inline constexpr int kPeerStoppedWord = kMaxPeerBlocks;

/// Any host thread: what the first block that gave up has left in `faults`, a timeout before an
/// abort; kind is kNone where none did.
[[nodiscard]] FaultRecord FindFault(const FaultRecord* faults);

}  // namespace ronde
