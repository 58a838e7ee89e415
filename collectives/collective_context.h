#pragma once

#include <cstdint>
#include <memory>

#include "collectives/shared/registered_memory.h"
#include "core/base/clock.h"
#include "core/base/config.h"
#include "core/base/status.h"
#include "core/comm/communicator.h"

namespace ronde {

class SharedChannel;

/// What every collective works on: a communicator, scratch memory that is kept for life (no page
/// faults per call), and the shared-memory channel of the local group. Move-only; engine-only.
class CollectiveContext {
 public:
  /// Collective. A host where shared memory cannot be mapped yields a context without a channel.
  [[nodiscard]] static Result<std::unique_ptr<CollectiveContext>> Create(Transport& transport,
                                                                         const Config& config);
  ~CollectiveContext();

  [[nodiscard]] Communicator& communicator() { return communicator_; }
  [[nodiscard]] int rank() const { return communicator_.rank(); }
  [[nodiscard]] int size() const { return communicator_.size(); }
  [[nodiscard]] Transport& transport() { return communicator_.transport(); }
  /// Null where ranks share no memory; spans local(), which is everyone when single_host().
  [[nodiscard]] SharedChannel* shared_channel() { return channel_.get(); }
  /// Memory that all ranks of a host can reach.
  [[nodiscard]] RegisteredMemory& registered() { return registered_; }
  /// A deadline for a data wait that starts now (--timeout-s).
  [[nodiscard]] Deadline NewDeadline() const { return Deadline::After(timeout_s_); }
  /// At least `size_bytes` of private scratch, 64-byte aligned, contents undefined; valid until the
  /// next call.
  [[nodiscard]] std::byte* Scratch(std::size_t size_bytes);

  /// Bytes that left this rank for peers: transport plus shared memory.
  [[nodiscard]] std::uint64_t bytes_on_wire() const;
  void AddSharedBytes(std::uint64_t bytes) { shared_bytes_ += bytes; }

 private:
  CollectiveContext(Communicator communicator, double timeout_s);

  Communicator communicator_;
  double timeout_s_;
  std::unique_ptr<SharedChannel> channel_;
  RegisteredMemory registered_;
  std::unique_ptr<std::byte[]> scratch_;
  std::size_t scratch_bytes_ = 0;
  std::uint64_t shared_bytes_ = 0;
};

}  // namespace ronde
