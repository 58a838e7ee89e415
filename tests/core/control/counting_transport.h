#pragma once

#include <atomic>
#include <utility>
#include <vector>

#include "core/comm/forwarding_transport.h"

namespace ronde {

/// Another transport without its notice board, so that all is agreed on by control messages, which
/// are counted.
/// Thread rule: as Transport's; posts() may be read from any thread.
class CountingTransport final : public ForwardingTransport {
 public:
  using ForwardingTransport::ForwardingTransport;
  /// Messages that this rank has posted. Relaxed: a statistic.
  [[nodiscard]] int posts() const { return posts_.load(std::memory_order_relaxed); }

  [[nodiscard]] bool has_board() const override { return false; }
  Status Post(int peer, std::vector<std::byte> payload) override {
    posts_.fetch_add(1, std::memory_order_relaxed);
    return ForwardingTransport::Post(peer, std::move(payload));
  }

 private:
  std::atomic<int> posts_{0};
};

}  // namespace ronde
