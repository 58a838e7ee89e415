#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/status.h"
#include "core/comm/transport.h"

namespace ronde {

/// A group of ranks over a transport, with its two natural subgroups. Move-only.
/// Thread rule: engine-only after creation; the rank and size getters are immutable.
class Communicator {
 public:
  /// Collective. `transport` must outlive the communicator.
  /// Groups by host id: local() holds the ranks of this host in rank order; cross() holds the ranks
  /// with this local rank on every host that has one, in order of their hosts' lowest rank.
  /// Errors: those of Transport::Split.
  [[nodiscard]] static Result<Communicator> Create(Transport& transport,
                                                   Deadline deadline = Deadline::After(60));

  Communicator(Communicator&&) = default;
  Communicator& operator=(Communicator&&) = default;

  [[nodiscard]] Transport& transport() const { return *transport_; }
  [[nodiscard]] int rank() const { return rank_; }
  [[nodiscard]] int size() const { return size_; }
  /// All ranks share one host.
  [[nodiscard]] bool single_host() const { return host_count_ == 1; }
  [[nodiscard]] int host_count() const { return host_count_; }
  [[nodiscard]] bool hosts_are_even() const { return hosts_are_even_; }

  [[nodiscard]] Communicator& local() { return local_ ? *local_ : *this; }
  [[nodiscard]] Communicator& cross() { return cross_ ? *cross_ : *this; }

 private:
  explicit Communicator(Transport& transport)
      : transport_(&transport), rank_(transport.rank()), size_(transport.size()) {}

  Transport* transport_;
  int rank_;
  int size_;
  std::unique_ptr<Transport> owned_;  // set in subgroups
  std::unique_ptr<Communicator> local_;
  std::unique_ptr<Communicator> cross_;
  int host_count_ = 1;
  bool hosts_are_even_ = true;
};

}  // namespace ronde
