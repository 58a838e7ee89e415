#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/comm/transport.h"

namespace ronde {

/// Another transport, whose control messages are counted.
/// Thread rule: as Transport's; posts() may be read from any thread.
class CountingTransport final : public Transport {
 public:
  explicit CountingTransport(Transport& inner) : inner_(inner) {}
  /// Messages that this rank has posted. Relaxed: a statistic.
  [[nodiscard]] int posts() const { return posts_.load(std::memory_order_relaxed); }

  std::string_view name() const override { return inner_.name(); }
  int rank() const override { return inner_.rank(); }
  int size() const override { return inner_.size(); }
  const std::string& host_id(int rank) const override { return inner_.host_id(rank); }
  const std::string& host_name(int rank) const override { return inner_.host_name(rank); }
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
    posts_.fetch_add(1, std::memory_order_relaxed);
    return inner_.Post(peer, std::move(payload));
  }
  Result<std::optional<ControlMessage>> Poll() override { return inner_.Poll(); }
  void Ring() override { inner_.Ring(); }
  Status WaitForRing(Deadline deadline) override { return inner_.WaitForRing(deadline); }
  Result<std::unique_ptr<Region>> AllocateRegion(std::size_t size_bytes) override {
    return inner_.AllocateRegion(size_bytes);
  }
  Result<std::unique_ptr<Region>> MapRegion(int peer, const RegionToken& token,
                                            std::size_t size_bytes) override {
    return inner_.MapRegion(peer, token, size_bytes);
  }
  void Abort(const Status& cause) override { inner_.Abort(cause); }
  void RequestAbort(const Status& cause) override { inner_.RequestAbort(cause); }
  Status CheckLiveness() override { return inner_.CheckLiveness(); }
  Result<std::unique_ptr<Transport>> Split(int color, int key, Deadline deadline) override {
    return inner_.Split(color, key, deadline);
  }
  std::uint64_t bytes_sent() const override { return inner_.bytes_sent(); }

 private:
  Transport& inner_;
  std::atomic<int> posts_{0};
};

}  // namespace ronde
