#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/comm/transport.h"
#include "core/comm/transport_errors.h"
#include "core/comm/transports/mpi_world.h"

namespace ronde {

/// A rank in a world of processes that an MPI launcher has started, or in a group split from it.
/// The world decides on which wire a message travels.
class MpiTransport final : public Transport {
 public:
  /// The world's transport, of group 0, owns `owned`; its splits own nothing but their tags.
  /// `members` are world ranks.
  MpiTransport(MpiWorld& world, std::unique_ptr<MpiWorld> owned, int group,
               std::vector<int> members, int rank);
  ~MpiTransport() override;
  MpiTransport(const MpiTransport&) = delete;
  MpiTransport& operator=(const MpiTransport&) = delete;

  [[nodiscard]] std::string_view name() const override { return world_.wire_name(); }
  [[nodiscard]] int rank() const override { return rank_; }
  [[nodiscard]] int size() const override { return static_cast<int>(members_.size()); }
  [[nodiscard]] const std::string& host_id(int rank) const override {
    return world_.host_id(members_[rank]);
  }
  [[nodiscard]] const std::string& host_name(int rank) const override {
    return world_.host_name(members_[rank]);
  }

  Status Send(int peer, int tag, std::span<const std::byte> data, Deadline deadline) override;
  Status Receive(int peer, int tag, std::span<std::byte> data, Deadline deadline) override;
  Status SendReceive(int destination, std::span<const std::byte> send, int source,
                     std::span<std::byte> receive, int tag, Deadline deadline) override;
  Result<std::unique_ptr<PendingTransfer>> StartSend(int peer, int tag,
                                                     std::span<const std::byte> data) override;
  Result<std::unique_ptr<PendingTransfer>> StartReceive(int peer, int tag,
                                                        std::span<std::byte> data) override;

  Status Post(int peer, std::vector<std::byte> payload) override;
  Result<std::optional<ControlMessage>> Poll() override;
  void Ring() override { world_.Ring(); }
  Status WaitForRing(Deadline deadline) override;
  [[nodiscard]] bool takes_turns() const override { return owned_ && world_.takes_turns(); }
  Status WaitForRing(Deadline deadline, std::unique_lock<std::mutex>& turn) override {
    return world_.WaitForRing(deadline, &turn);
  }
  void MuteRings() override { world_.MuteRings(); }
  void UnmuteRings() override { world_.UnmuteRings(); }

  Result<std::unique_ptr<Region>> AllocateRegion(std::size_t size_bytes) override;
  Result<std::unique_ptr<Region>> MapRegion(int peer, const RegionToken& token,
                                            std::size_t size_bytes) override;

  [[nodiscard]] bool has_board() const override { return group_ == 0 && world_.has_board(); }
  void Publish(std::uint64_t word) override { world_.Publish(word); }
  [[nodiscard]] std::uint64_t Published(int rank) const override { return world_.Published(rank); }
  void RingPeers() override { world_.RingPeers(); }

  using Transport::Abort;
  void Abort(const Status& cause, const std::function<void()>& before_telling) override {
    world_.Abort(cause, before_telling);
  }
  [[nodiscard]] bool gave_cause() const override { return world_.gave_cause(); }
  void RequestAbort(const Status& cause) override { world_.RequestAbort(cause); }
  Status CheckLiveness() override { return world_.CheckLiveness(); }
  Result<std::unique_ptr<Transport>> Split(int color, int key, Deadline deadline) override;
  [[nodiscard]] std::uint64_t bytes_sent() const override { return world_.bytes_sent(); }
  [[nodiscard]] bool carries_device_memory() const override {
    return world_.carries_device_memory();
  }
  [[nodiscard]] void* native_communicator() override {
    return group_ == 0 ? world_.communicator() : nullptr;
  }

 private:
  class Pending;
  struct SplitEntry;
  // A message under way, and what has to be said of it when it fails.
  struct Message {
    std::unique_ptr<WireRequest> request;  // null once complete
    bool receiving = false;
    int peer = 0;
    int tag = 0;
    std::size_t receive_bytes = 0;
  };

  [[nodiscard]] PeerName NameOf(int peer) const { return {members_[peer], host_name(peer)}; }
  Result<Message> BeginSend(int peer, int tag, std::span<const std::byte> data);
  Result<Message> BeginReceive(int peer, int tag, std::span<std::byte> data);
  // Looks once: whether it is complete.
  Result<bool> Look(Message& message);
  Status Wait(std::span<Message> messages, const Deadline& deadline);
  [[nodiscard]] Status Late(std::span<const Message> messages, std::int64_t started_ns) const;
  Status SendTo(int peer, int tag, std::span<const std::byte> data, const Deadline& deadline);
  Status ReceiveFrom(int peer, int tag, std::span<std::byte> data, const Deadline& deadline);
  Status ExchangeSplit(std::span<SplitEntry> entries, const Deadline& deadline);

  std::unique_ptr<MpiWorld> owned_;
  MpiWorld& world_;
  int group_;                 // which tags are its own; 0: the world
  std::vector<int> members_;  // world ranks
  int rank_;
};

}  // namespace ronde
