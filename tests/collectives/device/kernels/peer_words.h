#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "collectives/device/kernels/peer_flags.h"

namespace ronde {

/// The flags and words of one channel among ranks of this process.
class PeerWords {
 public:
  explicit PeerWords(int ranks, std::int64_t timeout_ns = 20'000'000'000) {
    for (int rank = 0; rank < ranks; ++rank) {
      ranks_.push_back({.flags = std::vector<std::uint64_t>(kFlagSlots),
                        .state = std::vector<std::uint64_t>(kPeerStateWords),
                        .faults = std::vector<FaultRecord>(kMaxPeerBlocks)});
    }
    timeout_ns_ = timeout_ns;
  }

  [[nodiscard]] PeerSync Of(int rank) {
    Rank& mine = ranks_[static_cast<std::size_t>(rank)];
    PeerSync sync = {.rank = rank,
                     .ranks = static_cast<int>(ranks_.size()),
                     .state = mine.state.data(),
                     .abort_word = &mine.abort_word,
                     .faults = mine.faults.data(),
                     .timeout_ns = timeout_ns_};
    for (int peer = 0; peer < sync.ranks; ++peer) {
      sync.flags[peer] = ranks_[static_cast<std::size_t>(peer)].flags.data();
    }
    return sync;
  }
  void Abort(int rank) {
    std::atomic_ref(ranks_[static_cast<std::size_t>(rank)].abort_word).store(1);
  }
  [[nodiscard]] FaultRecord Fault(int rank) const {
    return FindFault(ranks_[static_cast<std::size_t>(rank)].faults.data());
  }
  /// Which round block `block` of `rank` has finished.
  [[nodiscard]] std::uint64_t Round(int rank, int block) const {
    return ranks_[static_cast<std::size_t>(rank)].state[static_cast<std::size_t>(block)];
  }

 private:
  struct Rank {
    std::vector<std::uint64_t> flags;
    std::vector<std::uint64_t> state;
    std::vector<FaultRecord> faults;
    std::uint64_t abort_word = 0;
  };
  std::vector<Rank> ranks_;
  std::int64_t timeout_ns_ = 0;
};

}  // namespace ronde
