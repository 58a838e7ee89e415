#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

#include "core/comm/transport.h"

namespace ronde::bench {

/// What a rank has sent.
struct MessageCounts {
  std::uint64_t posts = 0;       ///< control messages
  std::uint64_t post_bytes = 0;  ///< in them
  std::uint64_t sends = 0;       ///< data messages
  std::uint64_t words = 0;       ///< shown on the notice board

  friend MessageCounts operator-(const MessageCounts& a, const MessageCounts& b) {
    return {a.posts - b.posts, a.post_bytes - b.post_bytes, a.sends - b.sends, a.words - b.words};
  }
};

/// Another transport with its messages counted; those of its splits are not.
/// Thread rule: as the transport; counts() from any thread.
class CountingTransport final : public Transport {
 public:
  explicit CountingTransport(std::unique_ptr<Transport> transport)
      : transport_(std::move(transport)) {}

  [[nodiscard]] MessageCounts counts() const {
    // Relaxed: single figures; whoever has waited for a handle sees what led to it.
    return {posts_.load(std::memory_order_relaxed), post_bytes_.load(std::memory_order_relaxed),
            sends_.load(std::memory_order_relaxed), words_.load(std::memory_order_relaxed)};
  }

  [[nodiscard]] std::string_view name() const override { return transport_->name(); }
  [[nodiscard]] int rank() const override { return transport_->rank(); }
  [[nodiscard]] int size() const override { return transport_->size(); }
  [[nodiscard]] const std::string& host_id(int rank) const override {
    return transport_->host_id(rank);
  }
  [[nodiscard]] const std::string& host_name(int rank) const override {
    return transport_->host_name(rank);
  }

  Status Send(int peer, int tag, std::span<const std::byte> data, Deadline deadline) override {
    sends_.fetch_add(1, std::memory_order_relaxed);
    return transport_->Send(peer, tag, data, deadline);
  }
  Status Receive(int peer, int tag, std::span<std::byte> data, Deadline deadline) override {
    return transport_->Receive(peer, tag, data, deadline);
  }
  Status SendReceive(int destination, std::span<const std::byte> send, int source,
                     std::span<std::byte> receive, int tag, Deadline deadline) override {
    sends_.fetch_add(1, std::memory_order_relaxed);
    return transport_->SendReceive(destination, send, source, receive, tag, deadline);
  }

  Result<std::unique_ptr<PendingTransfer>> StartSend(int peer, int tag,
                                                     std::span<const std::byte> data) override {
    sends_.fetch_add(1, std::memory_order_relaxed);
    return transport_->StartSend(peer, tag, data);
  }
  Result<std::unique_ptr<PendingTransfer>> StartReceive(int peer, int tag,
                                                        std::span<std::byte> data) override {
    return transport_->StartReceive(peer, tag, data);
  }

  Status Post(int peer, std::vector<std::byte> payload) override {
    posts_.fetch_add(1, std::memory_order_relaxed);
    post_bytes_.fetch_add(payload.size(), std::memory_order_relaxed);
    return transport_->Post(peer, std::move(payload));
  }
  Result<std::optional<ControlMessage>> Poll() override { return transport_->Poll(); }
  void Ring() override { transport_->Ring(); }
  Status WaitForRing(Deadline deadline) override { return transport_->WaitForRing(deadline); }

  [[nodiscard]] bool has_board() const override { return transport_->has_board(); }
  void Publish(std::uint64_t word) override {
    words_.fetch_add(1, std::memory_order_relaxed);
    transport_->Publish(word);
  }
  [[nodiscard]] std::uint64_t Published(int rank) const override {
    return transport_->Published(rank);
  }
  void RingPeers() override { transport_->RingPeers(); }

  Result<std::unique_ptr<Region>> AllocateRegion(std::size_t size_bytes) override {
    return transport_->AllocateRegion(size_bytes);
  }
  Result<std::unique_ptr<Region>> MapRegion(int peer, const RegionToken& token,
                                            std::size_t size_bytes) override {
    return transport_->MapRegion(peer, token, size_bytes);
  }

  void Abort(const Status& cause) override { transport_->Abort(cause); }
  [[nodiscard]] bool gave_cause() const override { return transport_->gave_cause(); }
  void RequestAbort(const Status& cause) override { transport_->RequestAbort(cause); }
  Status CheckLiveness() override { return transport_->CheckLiveness(); }
  Result<std::unique_ptr<Transport>> Split(int color, int key, Deadline deadline) override {
    return transport_->Split(color, key, deadline);
  }
  [[nodiscard]] std::uint64_t bytes_sent() const override { return transport_->bytes_sent(); }
  [[nodiscard]] void* native_communicator() override { return transport_->native_communicator(); }

 private:
  std::unique_ptr<Transport> transport_;
  std::atomic<std::uint64_t> posts_{0};
  std::atomic<std::uint64_t> post_bytes_{0};
  std::atomic<std::uint64_t> sends_{0};
  std::atomic<std::uint64_t> words_{0};
};

}  // namespace ronde::bench
