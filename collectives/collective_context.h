#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "collectives/cost_model.h"
#include "collectives/shared/package_groups.h"
#include "collectives/shared/registered_memory.h"
#include "collectives/shared/wait_policy.h"
#include "collectives/size_rules.h"
#include "collectives/tuning_file.h"
#include "collectives/wire/wire_codec.h"
#include "core/base/clock.h"
#include "core/base/config.h"
#include "core/base/status.h"
#include "core/comm/communicator.h"

namespace ronde {

class SharedChannel;

/// How collectives cross hosts: --hierarchy.
enum class Hierarchy { kAuto, kFlat, kLeader, kRails };

/// Memory that grows and is kept for life: no page faults per call.
class ScratchMemory {
 public:
  /// At least `size_bytes`, 64-byte aligned, contents undefined; valid until the next call.
  [[nodiscard]] std::byte* Get(std::size_t size_bytes) {
    if (size_bytes + kAlignment > size_bytes_) Grow(size_bytes);
    return aligned_;
  }

 private:
  static constexpr std::size_t kAlignment = 64;
  void Grow(std::size_t size_bytes);

  std::unique_ptr<std::byte[]> memory_;
  std::byte* aligned_ = nullptr;  // in memory_
  std::size_t size_bytes_ = 0;
};

/// What every collective works on: a communicator, scratch memory that is kept for life (no page
/// faults per call), and the shared-memory channel of the local group.
///
/// A process set has a context of its own, a view of the world's: it has its own communicator and
/// channel, and everything else is the world's. So its ranks judge by the same values, what is
/// changed for the world is changed for all sets, and bytes are counted in one place.
///
/// Where there are several hosts, it has two contexts more: local_context() of the ranks of this
/// host, and cross_context() of the ranks with this local rank on every host. They are views too.
/// Neither copied nor moved; engine-only.
class CollectiveContext {
 public:
  /// Collective. A host where shared memory cannot be mapped yields a context without a channel.
  [[nodiscard]] static Result<std::unique_ptr<CollectiveContext>> Create(Transport& transport,
                                                                         const Config& config);
  /// A process set's view of `world`, which must outlive it. Collective over the ranks of `group`,
  /// whose world ranks are `members`, in this order; reads no files. Every wait is bounded by
  /// --timeout-s. Errors: kUnavailable on all ranks alike, kTimeout, kAborted.
  [[nodiscard]] static Result<std::unique_ptr<CollectiveContext>> CreateWithin(
      CollectiveContext& world, std::unique_ptr<Transport> group,
      std::span<const std::int64_t> members);
  ~CollectiveContext();
  CollectiveContext(const CollectiveContext&) = delete;
  CollectiveContext& operator=(const CollectiveContext&) = delete;

  /// Whether this is a process set's view.
  [[nodiscard]] bool is_process_set() const { return is_process_set_; }
  /// Counts the contexts of one world, which is 0: where one has been destroyed, the next may lie
  /// at its address.
  [[nodiscard]] std::uint64_t number() const { return number_; }

  [[nodiscard]] Communicator& communicator() { return *communicator_; }
  [[nodiscard]] int rank() const { return communicator_->rank(); }
  [[nodiscard]] int size() const { return communicator_->size(); }
  [[nodiscard]] Transport& transport() { return communicator_->transport(); }

  // --- Several hosts.
  /// The ranks of this host, in rank order: what runs there is on one host, with the channel and
  /// the registered memory of this context. This context itself where there is one host.
  [[nodiscard]] CollectiveContext& local_context() { return local_ ? *local_ : *this; }
  /// The ranks with this local rank on every host that has one, in order of hosts: a rail. This
  /// context itself where every host has one rank.
  [[nodiscard]] CollectiveContext& cross_context() { return cross_ ? *cross_ : *this; }
  /// One rank a host, its lowest, in order of hosts; null on all other ranks.
  [[nodiscard]] CollectiveContext* leaders() {
    return local_context().rank() == 0 ? &cross_context() : nullptr;
  }
  /// The ranks of every host that has several share memory: local_context().shared_channel() is
  /// there on all of them. Equal on all ranks.
  [[nodiscard]] bool hosts_share_memory() const { return hosts_share_memory_; }
  /// What --hierarchy asks for, if that is possible here: kRails needs equally many ranks on every
  /// host, or Create fails, and is kAuto in a process set where that is not so.
  [[nodiscard]] Hierarchy hierarchy() const;
  /// Set between collectives, to the same on all ranks, in the world for all its process sets:
  /// false is --hierarchy flat, true is what the setting says.
  void set_hierarchical(bool hierarchical) { world_->hierarchical_ = hierarchical; }
  [[nodiscard]] bool hierarchical() const { return world_->hierarchical_; }
  /// What --allreduce-algorithm says of the parts of hierarchical: its rules for local=, net=.
  [[nodiscard]] const std::vector<SizeRule>& part_rules() const { return world_->part_rules_; }
  /// --wire-compression: how float32 travels between hosts.
  [[nodiscard]] WireFormat wire_format() const { return world_->wire_format_; }

  /// Null where ranks share no memory; spans local(), which is everyone when single_host(). Null in
  /// a cross_context() that is another.
  [[nodiscard]] SharedChannel* shared_channel();
  /// Memory that all ranks of a host can reach.
  [[nodiscard]] RegisteredMemory& registered() { return world_->registered_; }
  /// By local rank: whose part of that memory is its own. The identity, except in process sets.
  [[nodiscard]] const std::vector<int>& registered_parts() const { return registered_parts_; }
  /// A deadline for a data wait that starts now (--timeout-s), or rather when it first looks.
  /// In a local_context() of several hosts it is a second later: whoever waits for another host can
  /// tell better who is missing than those that wait for it.
  [[nodiscard]] Deadline NewDeadline() const { return Deadline::AfterFirstLook(timeout_s_); }
  /// What algorithms are judged by; equal on all ranks.
  [[nodiscard]] const CostModel& costs() const { return world_->costs_; }
  /// For who measures them, with the same values on all ranks.
  void set_costs(const CostModel& costs) { world_->costs_ = costs; }
  /// How much each rank stages at once in shared memory. Set between collectives, to the same on
  /// all ranks, in the world for all its process sets; at most largest_chunk_bytes() takes effect.
  [[nodiscard]] std::size_t chunk_bytes() const { return world_->chunk_bytes_; }
  void set_chunk_bytes(std::size_t chunk_bytes) { world_->chunk_bytes_ = chunk_bytes; }
  /// What has been allocated for it: more than --chunk-bytes under --autotune.
  [[nodiscard]] std::size_t largest_chunk_bytes() const { return world_->slot_bytes_; }
  /// What --tuning-file says about this job, or null; equal on all ranks.
  [[nodiscard]] const Tuning* tuning() const {
    return world_->tuning_ ? &*world_->tuning_ : nullptr;
  }
  /// By local rank: its package (socket), counted from 0; all 0 where there is one. Equal on the
  /// ranks of a host.
  [[nodiscard]] const std::vector<int>& local_packages() const { return local_packages_; }
  /// The same by package.
  [[nodiscard]] const PackageGroups& package_groups() const { return package_groups_; }
  /// At least `size_bytes` of private scratch, 64-byte aligned, contents undefined; valid until the
  /// next call.
  [[nodiscard]] std::byte* Scratch(std::size_t size_bytes) {
    return world_->scratch_.Get(size_bytes);
  }
  /// The same for a collective that is made of others, which leave it alone.
  [[nodiscard]] std::byte* OuterScratch(std::size_t size_bytes) {
    return world_->outer_scratch_.Get(size_bytes);
  }

  /// Bytes that left this rank for peers, in the world and in process sets: transport plus shared
  /// memory.
  [[nodiscard]] std::uint64_t bytes_on_wire() const;
  void AddSharedBytes(std::uint64_t bytes) { world_->shared_bytes_ += bytes; }

 private:
  CollectiveContext(Communicator communicator, double timeout_s);
  /// A view of `outer` for one of its two kinds of subgroups.
  CollectiveContext(CollectiveContext& outer, Communicator& group);

  /// What the settings say of several hosts. Error: kInvalidArgument, on all ranks alike.
  Status ReadNetworkSettings(const Config& config);
  /// The contexts of the subgroups, and whether hosts_share_memory().
  Status OpenSubgroups();
  Result<bool> AllHostsHaveChannels();
  /// Where there is shared memory, between ranks that are called `world_rank` in messages.
  Status OpenChannel(int world_rank);
  /// What of the world's host facts concerns `members`.
  void TakeOverFacts(std::span<const std::int64_t> members);

  std::unique_ptr<Transport> owned_;                // a process set's
  std::optional<Communicator> owned_communicator_;  // not a subgroup's
  Communicator* communicator_;
  double timeout_s_;
  CollectiveContext* world_ = this;
  bool is_process_set_ = false;
  std::uint64_t number_ = 0;
  std::uint64_t last_number_ = 0;  // of a view; the world's counts
  std::size_t slot_bytes_ = 0;     // allocated
  std::size_t chunk_bytes_ = 0;    // of them in use; the world's counts
  WaitPolicy wait_;
  std::vector<int> registered_parts_;
  CostModel costs_;
  std::optional<Tuning> tuning_;
  std::vector<int> local_packages_;
  PackageGroups package_groups_;
  std::unique_ptr<SharedChannel> channel_;
  SharedChannel* borrowed_channel_ = nullptr;  // a local_context()'s
  std::unique_ptr<CollectiveContext> local_;   // null: this
  std::unique_ptr<CollectiveContext> cross_;   // null: this
  bool hosts_share_memory_ = true;
  Hierarchy hierarchy_ = Hierarchy::kAuto;      // the world's counts
  bool hierarchical_ = true;                    // the world's counts
  std::vector<SizeRule> part_rules_;            // the world's counts
  WireFormat wire_format_ = WireFormat::kSame;  // the world's counts
  RegisteredMemory registered_;
  ScratchMemory scratch_;
  ScratchMemory outer_scratch_;
  std::uint64_t shared_bytes_ = 0;
};

}  // namespace ronde
