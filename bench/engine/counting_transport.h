#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

#include "core/comm/forwarding_transport.h"

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
class CountingTransport final : public ForwardingTransport {
 public:
  explicit CountingTransport(std::unique_ptr<Transport> transport)
      : ForwardingTransport(*transport), transport_(std::move(transport)) {}

  [[nodiscard]] MessageCounts counts() const {
    // Relaxed: single figures; whoever has waited for a handle sees what led to it.
    return {posts_.load(std::memory_order_relaxed), post_bytes_.load(std::memory_order_relaxed),
            sends_.load(std::memory_order_relaxed), words_.load(std::memory_order_relaxed)};
  }

  Status Send(int peer, int tag, std::span<const std::byte> data, Deadline deadline) override {
    sends_.fetch_add(1, std::memory_order_relaxed);
    return ForwardingTransport::Send(peer, tag, data, deadline);
  }
  Status SendReceive(int destination, std::span<const std::byte> send, int source,
                     std::span<std::byte> receive, int tag, Deadline deadline) override {
    sends_.fetch_add(1, std::memory_order_relaxed);
    return ForwardingTransport::SendReceive(destination, send, source, receive, tag, deadline);
  }
  Result<std::unique_ptr<PendingTransfer>> StartSend(int peer, int tag,
                                                     std::span<const std::byte> data) override {
    sends_.fetch_add(1, std::memory_order_relaxed);
    return ForwardingTransport::StartSend(peer, tag, data);
  }

  Status Post(int peer, std::vector<std::byte> payload) override {
    posts_.fetch_add(1, std::memory_order_relaxed);
    post_bytes_.fetch_add(payload.size(), std::memory_order_relaxed);
    return ForwardingTransport::Post(peer, std::move(payload));
  }
  void Publish(std::uint64_t word) override {
    words_.fetch_add(1, std::memory_order_relaxed);
    ForwardingTransport::Publish(word);
  }

 private:
  std::unique_ptr<Transport> transport_;
  std::atomic<std::uint64_t> posts_{0};
  std::atomic<std::uint64_t> post_bytes_{0};
  std::atomic<std::uint64_t> sends_{0};
  std::atomic<std::uint64_t> words_{0};
};

}  // namespace ronde::bench
