#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "collectives/cost_model.h"
#include "collectives/shared/package_groups.h"
#include "collectives/shared/registered_memory.h"
#include "collectives/tuning_file.h"
#include "core/base/clock.h"
#include "core/base/config.h"
#include "core/base/status.h"
#include "core/comm/communicator.h"

namespace ronde {

class SharedChannel;

/// Memory that grows and is kept for life: no page faults per call.
class ScratchMemory {
 public:
  /// At least `size_bytes`, 64-byte aligned, contents undefined; valid until the next call.
  [[nodiscard]] std::byte* Get(std::size_t size_bytes);

 private:
  std::unique_ptr<std::byte[]> memory_;
  std::size_t size_bytes_ = 0;
};

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
  /// A deadline for a data wait that starts now (--timeout-s), or rather when it first looks.
  [[nodiscard]] Deadline NewDeadline() const { return Deadline::AfterFirstLook(timeout_s_); }
  /// What algorithms are judged by; equal on all ranks.
  [[nodiscard]] const CostModel& costs() const { return costs_; }
  /// For who measures them, with the same values on all ranks.
  void set_costs(const CostModel& costs) { costs_ = costs; }
  /// What --tuning-file says about this job, or null; equal on all ranks.
  [[nodiscard]] const Tuning* tuning() const { return tuning_ ? &*tuning_ : nullptr; }
  /// By local rank: its package (socket), counted from 0; all 0 where there is one. Equal on the
  /// ranks of a host.
  [[nodiscard]] const std::vector<int>& local_packages() const { return local_packages_; }
  /// The same by package.
  [[nodiscard]] const PackageGroups& package_groups() const { return package_groups_; }
  /// At least `size_bytes` of private scratch, 64-byte aligned, contents undefined; valid until the
  /// next call.
  [[nodiscard]] std::byte* Scratch(std::size_t size_bytes) { return scratch_.Get(size_bytes); }
  /// The same for a collective that is made of others, which leave it alone.
  [[nodiscard]] std::byte* OuterScratch(std::size_t size_bytes) {
    return outer_scratch_.Get(size_bytes);
  }

  /// Bytes that left this rank for peers: transport plus shared memory.
  [[nodiscard]] std::uint64_t bytes_on_wire() const;
  void AddSharedBytes(std::uint64_t bytes) { shared_bytes_ += bytes; }

 private:
  CollectiveContext(Communicator communicator, double timeout_s);

  Communicator communicator_;
  double timeout_s_;
  CostModel costs_;
  std::optional<Tuning> tuning_;
  std::vector<int> local_packages_;
  PackageGroups package_groups_;
  std::unique_ptr<SharedChannel> channel_;
  RegisteredMemory registered_;
  ScratchMemory scratch_;
  ScratchMemory outer_scratch_;
  std::uint64_t shared_bytes_ = 0;
};

}  // namespace ronde
