#pragma once

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "core/comm/transport.h"
#include "core/comm/transport_errors.h"
#include "core/comm/transports/in_process_state.h"

namespace ronde::in_process {

/// A rank of a job whose ranks are threads, or of a group split from it.
class InProcessTransport final : public Transport {
 public:
  /// `members` are world ranks; `counter` is shared by a rank's world and its splits.
  InProcessTransport(std::shared_ptr<SharedState> state,
                     std::shared_ptr<const std::vector<std::string>> host_ids, std::uint64_t group,
                     std::vector<int> members, int rank, std::shared_ptr<std::uint64_t> counter)
      : state_(std::move(state)),
        host_ids_(std::move(host_ids)),
        group_(group),
        members_(std::move(members)),
        rank_(rank),
        bytes_sent_(std::move(counter)) {}
  ~InProcessTransport() override {
    if (group_ != 0) state_->LeaveGroup(group_, size());
  }
  InProcessTransport(const InProcessTransport&) = delete;
  InProcessTransport& operator=(const InProcessTransport&) = delete;

  [[nodiscard]] std::string_view name() const override { return "in_process"; }
  [[nodiscard]] int rank() const override { return rank_; }
  [[nodiscard]] int size() const override { return static_cast<int>(members_.size()); }
  [[nodiscard]] const std::string& host_id(int rank) const override {
    return (*host_ids_)[members_[rank]];
  }
  [[nodiscard]] const std::string& host_name(int rank) const override { return host_id(rank); }

  Status Send(int peer, int tag, std::span<const std::byte> data, Deadline deadline) override {
    RONDE_RETURN_IF_ERROR(CheckAddress(*this, peer, tag));
    return SendTo(peer, tag, data, deadline);
  }
  Status Receive(int peer, int tag, std::span<std::byte> data, Deadline deadline) override {
    RONDE_RETURN_IF_ERROR(CheckAddress(*this, peer, tag));
    return ReceiveFrom(peer, tag, data, deadline);
  }
  Status SendReceive(int destination, std::span<const std::byte> send, int source,
                     std::span<std::byte> receive, int tag, Deadline deadline) override;

  Result<std::unique_ptr<PendingTransfer>> StartSend(int peer, int tag,
                                                     std::span<const std::byte> data) override;
  Result<std::unique_ptr<PendingTransfer>> StartReceive(int peer, int tag,
                                                        std::span<std::byte> data) override;

  Status Post(int peer, std::vector<std::byte> payload) override;
  Result<std::optional<ControlMessage>> Poll() override;
  void Ring() override { state_->inbox(world_rank()).Ring(); }
  Status WaitForRing(Deadline deadline) override;
  [[nodiscard]] bool takes_turns() const override { return group_ == 0; }
  Status WaitForRing(Deadline deadline, std::unique_lock<std::mutex>& turn) override;
  void MuteRings() override { state_->inbox(world_rank()).Mute(); }
  void UnmuteRings() override { state_->inbox(world_rank()).Unmute(); }

  Result<std::unique_ptr<Region>> AllocateRegion(std::size_t size_bytes) override;
  Result<std::unique_ptr<Region>> MapRegion(int peer, const RegionToken& token,
                                            std::size_t size_bytes) override;

  [[nodiscard]] bool has_board() const override {
    // As between processes: only where all ranks are said to share a host.
    return group_ == 0 && std::adjacent_find(host_ids_->begin(), host_ids_->end(),
                                             std::not_equal_to<>()) == host_ids_->end();
  }
  void Publish(std::uint64_t word) override {
    state_->notice(world_rank()).store(word, std::memory_order_seq_cst);
  }
  [[nodiscard]] std::uint64_t Published(int rank) const override {
    return state_->notice(members_[rank]).load(std::memory_order_seq_cst);
  }
  void RingPeers() override {
    for (const int member : members_) {
      if (member != world_rank()) state_->inbox(member).Ring();
    }
  }

  using Transport::Abort;
  void Abort(const Status& cause, const std::function<void()>& before_telling) override {
    if (!state_->Abort(cause)) return;
    // Relaxed: read by whoever has seen that the job has ended.
    gave_cause_.store(true, std::memory_order_relaxed);
    if (before_telling) before_telling();
  }
  void RequestAbort(const Status& cause) override { Abort(cause); }
  [[nodiscard]] bool gave_cause() const override {
    return gave_cause_.load(std::memory_order_relaxed);
  }
  Status CheckLiveness() override { return state_->status(); }
  Result<std::unique_ptr<Transport>> Split(int color, int key, Deadline deadline) override;
  [[nodiscard]] std::uint64_t bytes_sent() const override { return *bytes_sent_; }

 private:
  [[nodiscard]] int world_rank() const { return members_[rank_]; }
  [[nodiscard]] PeerName NameOf(int peer) const { return {members_[peer], host_name(peer)}; }

  // Addresses are looked up under a lock once and remembered: the engine's thread alone comes here.
  Mailbox& MailboxOf(int source, int destination, int tag) {
    Mailbox*& mailbox = mailboxes_[{source, destination, tag}];
    if (mailbox == nullptr) mailbox = &state_->MailboxOf(group_, source, destination, tag);
    return *mailbox;
  }

  class PendingSend;
  class PendingReceive;
  struct SplitEntry;
  Status CheckSize(const Slip& slip, int peer, int tag) const;
  Status Finish(WaitOutcome outcome, std::int64_t started_ns, std::string_view action, int peer);
  Status SendTo(int peer, int tag, std::span<const std::byte> data, const Deadline& deadline);
  Status ReceiveFrom(int peer, int tag, std::span<std::byte> data, const Deadline& deadline);
  Status ExchangeSplit(std::vector<SplitEntry>* entries, const Deadline& deadline);

  std::shared_ptr<SharedState> state_;
  std::shared_ptr<const std::vector<std::string>> host_ids_;
  std::uint64_t group_;
  std::vector<int> members_;
  int rank_;
  std::atomic<bool> gave_cause_{false};
  std::shared_ptr<std::uint64_t> bytes_sent_;
  std::map<std::tuple<int, int, int>, Mailbox*> mailboxes_;
};

}  // namespace ronde::in_process
