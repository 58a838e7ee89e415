#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/comm/transports/ucx_context.h"
#include "core/comm/transports/wire.h"

namespace ronde {

/// Messages between hosts over UCX: whatever network it finds, InfiniBand, TCP or another. Ranks
/// learn one another's addresses from NetWireSetup::exchange; a connection is made when a pair
/// first uses it. A peer that dies or leaves breaks its connection, which its partners see at once.
///
/// A receive that is given up while its message is arriving may still be written to, until Close.
class UcxWire final : public NetWire {
 public:
  /// Collective. Null where --net-transport is auto and UCX cannot be used on some host. Errors:
  /// kUnavailable, kInvalidArgument (--network-interface), equal on all ranks.
  [[nodiscard]] static Result<std::unique_ptr<NetWire>> Create(const NetWireSetup& setup);
  ~UcxWire() override;
  UcxWire(const UcxWire&) = delete;
  UcxWire& operator=(const UcxWire&) = delete;

  [[nodiscard]] std::string_view name() const override { return "ucx"; }
  Result<std::unique_ptr<WireRequest>> Send(int peer, const WireTag& tag,
                                            std::span<const std::byte> data) override;
  Result<std::unique_ptr<WireRequest>> Receive(int peer, const WireTag& tag,
                                               std::span<std::byte> data) override;
  void Progress() override;
  [[nodiscard]] int last_group() const override;

  Status Post(int peer, std::vector<std::byte> payload) override;
  std::optional<ControlMessage> Poll() override;
  [[nodiscard]] bool HasMessage() override;

  [[nodiscard]] bool carries_device_memory() const override {
    return context_->knows_device_memory();
  }
  [[nodiscard]] int event_descriptor() const override { return context_->event_descriptor(); }
  bool Arm() override;
  void Sleep(double seconds) override;

  void AnnounceFailure() override;
  [[nodiscard]] int failed_peer() const override { return failed_peer_; }
  [[nodiscard]] const Status& lost_peer() const override { return lost_peer_; }
  void Close(const Deadline& deadline) override;

 private:
  class Request;
  // What UCX is doing; it stays in place until `done`. `request` must then be given back.
  struct Operation {
    void* request = nullptr;  // UCX's
    bool done = false;
    ucs_status_t status = UCS_OK;
    std::size_t size_bytes = 0;  // of what was received
    ucp_tag_t tag = 0;           // of what was received
  };
  struct Peer {
    UcxWire* wire = nullptr;
    std::vector<std::byte> address;
    ucp_ep_h endpoint = nullptr;    // made on first use
    ucs_status_t failure = UCS_OK;  // of the connection
    bool left = false;              // in order
  };
  struct Outgoing {
    std::vector<std::byte> payload;
    Operation operation;
  };
  struct Incoming {
    ControlMessage message;
    Operation operation;
  };
  enum class Notice : int { kGoodbye, kFailure };

  UcxWire(const NetWireSetup& setup, std::unique_ptr<UcxContext> context,
          std::vector<std::vector<std::byte>> addresses);

  [[nodiscard]] ucp_worker_h worker() const { return context_->worker(); }
  Status Connect(int peer);
  // kAborted, in words of what became of the peer.
  [[nodiscard]] Status Lost(int peer, ucs_status_t status) const;

  void StartSend(Operation& operation, int peer, ucp_tag_t tag, std::span<const std::byte> data);
  void StartReceive(Operation& operation, ucp_tag_t tag, ucp_tag_t mask, std::span<std::byte> data);
  void ReceiveFound(Operation& operation, ucp_tag_message_h message, std::span<std::byte> data);
  static void OnReceived(void* request, ucs_status_t status, const ucp_tag_recv_info_t* received,
                         void* operation);
  static void Started(Operation& operation, ucs_status_ptr_t started);
  // Whether it is done, and UCX's request given back.
  bool Release(Operation& operation) const;
  void GiveUp(std::unique_ptr<Operation> operation, bool receiving);

  void CollectArrivals();
  void SendNotice(int peer, Notice notice);  // to one that is connected
  void TakeNotices();
  void AwaitNotice(Operation& operation);
  void LookForLostPeers();
  [[nodiscard]] bool EverybodyLeft() const;
  void CloseEndpoints(bool force, const Deadline& deadline);

  int rank_;
  std::vector<std::string> host_names_;
  std::vector<Peer> peers_;
  std::list<Outgoing> outgoing_;
  std::deque<Incoming> incoming_;   // in order of arrival; the first may be incomplete
  std::vector<Operation> notices_;  // receives of notices
  std::list<std::unique_ptr<Operation>> given_up_;
  bool connection_failed_ = false;  // and nobody has looked whose
  int failed_peer_ = -1;
  Status lost_peer_;
  std::unique_ptr<UcxContext> context_;  // last: operations must outlive its worker
};

}  // namespace ronde
