#pragma once

#include <atomic>
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>

#include "collectives/collective_context.h"
#include "collectives/device/device_context.h"
#include "core/base/clock.h"
#include "core/base/memory_place.h"
#include "core/base/status.h"
#include "core/device/device.h"

namespace ronde {

/// The DeviceContexts of the process sets that this rank belongs to, the world's as number 0, each
/// made by the first operation of its set on device memory. Thread rule: engine-only, except
/// FindMemory() and Abort(), which any thread may call.
class DeviceContexts {
 public:
  /// Of a channel's staging, see DeviceContext::Options.
  explicit DeviceContexts(std::size_t staging_bytes) : staging_bytes_(staging_bytes) {}
  ~DeviceContexts();
  DeviceContexts(const DeviceContexts&) = delete;
  DeviceContexts& operator=(const DeviceContexts&) = delete;

  /// What the operations of one set run on.
  struct Entry {
    std::unique_ptr<DeviceContext> context;
    bool is_view = false;  ///< of the world's, or that itself
    std::size_t batches = 0;

    /// The channel of the next batch.
    [[nodiscard]] DeviceChannel& NextChannel() {
      const std::size_t number = batches++ % static_cast<std::size_t>(context->channels());
      return context->channel(static_cast<int>(number));
    }
  };

  /// Null where the set has none yet.
  [[nodiscard]] Entry* Find(int process_set);
  /// Whether the set has one that stands by itself, because the world had none when it was made,
  /// and the world has one now: it had better be removed and opened again. Equal on all ranks of
  /// the set.
  [[nodiscard]] bool Outdated(int process_set);
  /// Collective over the ranks of `group`, which is the set's: its context, made where there is
  /// none. Null where a rank has no device, or ranks have different kinds: the same on all ranks.
  /// Errors: those of DeviceContext::Create.
  [[nodiscard]] Result<Entry*> Open(int process_set, CollectiveContext& group, Device* device);
  /// Collective over the ranks of the set, when nothing of it is at work here: returns when that is
  /// so everywhere. Until then a peer's kernel may read what would be given back.
  /// Errors: kTimeout, kAborted.
  [[nodiscard]] Status MeetPeers(int process_set, const Deadline& deadline);
  /// The same for all sets.
  [[nodiscard]] Status MeetPeers(const Deadline& deadline);
  /// After MeetPeers.
  void Remove(int process_set);

  /// Where these bytes lie in mapped memory of the world's.
  [[nodiscard]] MemoryPlace FindMemory(const void* data, std::size_t size_bytes) const;
  /// Ends all that waits on the device, in contexts that are made later too.
  void Abort();
  /// Where the peers could not be met: their kernels may still use this rank's memory, which is
  /// never given back.
  void Detach();

 private:
  const std::size_t staging_bytes_;
  std::mutex mutex_;               // guards what follows against Abort
  std::map<int, Entry> contexts_;  // changed by the engine's thread alone
  bool aborted_ = false;
  // Release: published when it is complete; it stays until this is destroyed.
  std::atomic<DeviceContext*> world_{nullptr};
};

}  // namespace ronde
