#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "collectives/collective_context.h"
#include "collectives/device/kernels/peer_flags.h"
#include "collectives/device/mapped_memory.h"
#include "core/base/memory_place.h"
#include "core/base/status.h"
#include "core/device/device.h"
#include "core/device/device_buffer.h"
#include "core/device/stream.h"

namespace ronde {

class DeviceKernels;

/// One half of a channel's staging, and where a result may go: the other half. An input in `input`
/// and an output in `output` are never in each other's way, nor in that of the batch before.
struct StagingHalf {
  std::byte* input = nullptr;
  std::byte* output = nullptr;
  MemoryPlace input_place = {};  ///< not registered where peers do not reach it
  MemoryPlace output_place = {};
  std::size_t size_bytes = 0;  ///< of each
};

/// What one stream needs for collectives among the ranks of its host: flags that peers write,
/// an abort word, fault records, and staging memory.
///
/// Several channels serve independent batches: what is given to one channel runs in order, and all
/// ranks give each channel the same collectives in the same order.
/// Thread rule: engine-only, except Abort() and fault(), which any thread may call.
class DeviceChannel {
 public:
  /// Who its ranks are.
  struct Peers {
    int rank = 0;                    ///< among those of the host
    std::vector<std::string> names;  ///< by rank, for messages: "rank 3 on host a"
    /// By rank: its kFlagSlots words as mapped here, all zero; empty where peers do not reach each
    /// other.
    std::vector<std::uint64_t*> flags;
  };

  /// Only what concerns this rank: the stream and what lies beside it. `device` must outlive it.
  [[nodiscard]] static Result<std::unique_ptr<DeviceChannel>> Create(Device& device, int number);
  /// Gives peers a second to finish reading, if they may be at it. Then ends what waits, as Abort,
  /// and waits for the stream, for a while.
  ~DeviceChannel();
  DeviceChannel(const DeviceChannel&) = delete;
  DeviceChannel& operator=(const DeviceChannel&) = delete;

  /// Connects it to the peers. What is passed must outlive it; `staging_bytes`, of each half, is
  /// equal on all ranks.
  void Open(CollectiveContext& local, MappedDeviceMemory& memory, DeviceKernels& kernels,
            Peers peers, std::size_t staging_bytes);

  [[nodiscard]] int number() const { return number_; }
  /// Of high priority.
  [[nodiscard]] StreamView stream() const { return stream_.view(); }
  /// Among the ranks of the host.
  [[nodiscard]] int rank() const { return peers_.rank; }
  [[nodiscard]] int size() const { return static_cast<int>(peers_.names.size()); }

  // --- Staging.
  /// How large a half is; a multiple of 256.
  [[nodiscard]] std::size_t staging_bytes() const { return staging_bytes_; }
  /// The next half, to be filled by work on stream(). All ranks ask for the same halves in the same
  /// order, between the same collectives. The first call is collective over the host, because it
  /// allocates. `meets_first`: what is done next begins with a barrier of all ranks (see
  /// DeviceAllreduceAlgorithm::MeetsFirst), which saves one here now and then. Errors: kUnavailable
  /// on all ranks of the host alike, kTimeout, kAborted.
  [[nodiscard]] Result<StagingHalf> NextHalf(bool meets_first = false);
  /// The barrier that NextHalf leaves out under `meets_first`, if one is needed: for all ranks
  /// alike, before work that writes to staging and does not meet first after all.
  Status Settle();
  /// Whether `place` is in a half of this channel.
  [[nodiscard]] bool IsStaging(const MemoryPlace& place) const {
    return place.registered() && place.block == staging_place_.block;
  }

  // --- For kernels that wait for peers.
  /// Their arguments. Only where peers reach each other.
  [[nodiscard]] PeerSync sync() const;
  /// To be called when a kernel has been given to the stream that begins with a barrier of all
  /// ranks. `lent`: the half that peers may still read when it has ended here; else none.
  void AfterBarrier(const MemoryPlace& lent = {});
  /// All ranks of the host get there before what stream() is given from now on begins.
  Status Barrier();

  // --- Failures.
  /// Any thread: all waits of this channel's kernels end, those that come later too.
  void Abort();
  /// Any thread: what the first kernel that gave up reported, or kOk: kTimeout naming the peer that
  /// was missing, kAborted. The channel is of no use any more.
  [[nodiscard]] Status fault() const;

 private:
  DeviceChannel(Device& device, int number) : device_(&device), number_(number) {}
  Status AllocateStaging();
  [[nodiscard]] bool aborted() const;
  /// Peers may still read a half, for there was no barrier since.
  [[nodiscard]] bool IsLent() const;
  Device* device_;
  int number_;
  DeviceBuffer state_;   // kPeerStateWords; see PeerSync
  DeviceBuffer pinned_;  // the abort word, and the fault records
  Stream stream_;
  CollectiveContext* local_ = nullptr;
  MappedDeviceMemory* memory_ = nullptr;
  DeviceKernels* kernels_ = nullptr;
  Peers peers_;
  std::int64_t timeout_ns_ = 0;

  std::size_t staging_bytes_ = 0;
  std::shared_ptr<std::byte> staging_;  // two halves; null until it is needed
  MemoryPlace staging_place_;
  std::size_t next_half_ = 0;
  std::int64_t barriers_ = 1;                 // so far
  std::array<std::int64_t, 2> lent_at_ = {};  // by half: the barrier since which peers may read it
};

}  // namespace ronde
