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
  [[nodiscard]] bool single_host() const { return host_count() == 1; }
  [[nodiscard]] int host_count() const { return static_cast<int>(ranks_of_hosts_.size()); }
  /// All hosts have equally many ranks.
  [[nodiscard]] bool hosts_are_even() const { return fewest_per_host_ == most_per_host_; }
  [[nodiscard]] int fewest_ranks_per_host() const { return fewest_per_host_; }
  [[nodiscard]] int most_ranks_per_host() const { return most_per_host_; }
  /// Each host has the next ranks, as in 0 0 0 1 1 and unlike in 0 1 0 1 0.
  [[nodiscard]] bool hosts_are_blocks() const { return hosts_are_blocks_; }
  /// By host, in order of their lowest ranks: its ranks, ascending.
  [[nodiscard]] const std::vector<std::vector<int>>& ranks_of_hosts() const {
    return ranks_of_hosts_;
  }
  /// The number of this rank's host.
  [[nodiscard]] int host() const { return host_; }

  [[nodiscard]] Communicator& local() { return local_ ? *local_ : *this; }
  [[nodiscard]] Communicator& cross() { return cross_ ? *cross_ : *this; }

 private:
  /// Without subgroups.
  explicit Communicator(Transport& transport);

  Transport* transport_;
  int rank_;
  int size_;
  std::unique_ptr<Transport> owned_;  // set in subgroups
  std::unique_ptr<Communicator> local_;
  std::unique_ptr<Communicator> cross_;
  std::vector<std::vector<int>> ranks_of_hosts_;
  int host_ = 0;
  int fewest_per_host_ = 1;
  int most_per_host_ = 1;
  bool hosts_are_blocks_ = true;
};

}  // namespace ronde
