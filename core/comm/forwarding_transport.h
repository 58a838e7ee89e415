#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/comm/transport.h"

namespace ronde {

/// Another transport, call for call: to be derived from by who changes or counts some of them. Its
/// splits are the other's own. `inner` must outlive it. Thread rule: as the other's.
class ForwardingTransport : public Transport {
 public:
  explicit ForwardingTransport(Transport& inner) : inner_(inner) {}

  [[nodiscard]] std::string_view name() const override { return inner_.name(); }
  [[nodiscard]] int rank() const override { return inner_.rank(); }
  [[nodiscard]] int size() const override { return inner_.size(); }
  [[nodiscard]] const std::string& host_id(int rank) const override { return inner_.host_id(rank); }
  [[nodiscard]] const std::string& host_name(int rank) const override {
    return inner_.host_name(rank);
  }

  Status Send(int peer, int tag, std::span<const std::byte> data, Deadline deadline) override {
    return inner_.Send(peer, tag, data, deadline);
  }
  Status Receive(int peer, int tag, std::span<std::byte> data, Deadline deadline) override {
    return inner_.Receive(peer, tag, data, deadline);
  }
  Status SendReceive(int destination, std::span<const std::byte> send, int source,
                     std::span<std::byte> receive, int tag, Deadline deadline) override {
    return inner_.SendReceive(destination, send, source, receive, tag, deadline);
  }
  Result<std::unique_ptr<PendingTransfer>> StartSend(int peer, int tag,
                                                     std::span<const std::byte> data) override {
    return inner_.StartSend(peer, tag, data);
  }
  Result<std::unique_ptr<PendingTransfer>> StartReceive(int peer, int tag,
                                                        std::span<std::byte> data) override {
    return inner_.StartReceive(peer, tag, data);
  }

  Status Post(int peer, std::vector<std::byte> payload) override {
    return inner_.Post(peer, std::move(payload));
  }
  Result<std::optional<ControlMessage>> Poll() override { return inner_.Poll(); }
  void Ring() override { inner_.Ring(); }
  Status WaitForRing(Deadline deadline) override { return inner_.WaitForRing(deadline); }
  [[nodiscard]] bool takes_turns() const override { return inner_.takes_turns(); }
  Status WaitForRing(Deadline deadline, std::unique_lock<std::mutex>& turn) override {
    return inner_.WaitForRing(deadline, turn);
  }
  void MuteRings() override { inner_.MuteRings(); }
  void UnmuteRings() override { inner_.UnmuteRings(); }

  [[nodiscard]] bool has_board() const override { return inner_.has_board(); }
  void Publish(std::uint64_t word) override { inner_.Publish(word); }
  [[nodiscard]] std::uint64_t Published(int rank) const override { return inner_.Published(rank); }
  void RingPeers() override { inner_.RingPeers(); }

  Result<std::unique_ptr<Region>> AllocateRegion(std::size_t size_bytes) override {
    return inner_.AllocateRegion(size_bytes);
  }
  Result<std::unique_ptr<Region>> MapRegion(int peer, const RegionToken& token,
                                            std::size_t size_bytes) override {
    return inner_.MapRegion(peer, token, size_bytes);
  }

  using Transport::Abort;
  void Abort(const Status& cause, const std::function<void()>& before_telling) override {
    inner_.Abort(cause, before_telling);
  }
  [[nodiscard]] bool gave_cause() const override { return inner_.gave_cause(); }
  void RequestAbort(const Status& cause) override { inner_.RequestAbort(cause); }
  Status CheckLiveness() override { return inner_.CheckLiveness(); }
  Result<std::unique_ptr<Transport>> Split(int color, int key, Deadline deadline) override {
    return inner_.Split(color, key, deadline);
  }
  [[nodiscard]] std::uint64_t bytes_sent() const override { return inner_.bytes_sent(); }
  [[nodiscard]] bool carries_device_memory() const override {
    return inner_.carries_device_memory();
  }
  [[nodiscard]] void* native_communicator() override { return inner_.native_communicator(); }

 protected:
  [[nodiscard]] Transport& inner() const { return inner_; }

 private:
  Transport& inner_;
};

}  // namespace ronde
