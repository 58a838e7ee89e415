#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/base/config.h"
#include "core/base/status.h"
#include "core/comm/transport.h"

namespace ronde {

namespace in_process {
class SharedState;
}

struct InProcessOptions {
  /// Host id and name of every rank; empty puts all ranks on one host. Ranks with different ids
  /// refuse each other's regions, so tests can pretend several hosts.
  std::vector<std::string> host_ids;
};

/// A job whose ranks are threads of this process: for sanitizers, tests and one-rank programs.
/// Thread rule: thread-safe. The transports keep what they share alive.
class InProcessWorld {
 public:
  /// `options.host_ids` is empty or holds `size` names.
  explicit InProcessWorld(int size, InProcessOptions options = {});

  [[nodiscard]] int size() const { return static_cast<int>(host_ids_->size()); }
  /// The transport of `rank`; call once per rank.
  [[nodiscard]] std::unique_ptr<Transport> Connect(int rank) const;
  /// Transport::Abort from outside, for watchdogs.
  void Abort(const Status& cause) const;

 private:
  std::shared_ptr<in_process::SharedState> state_;
  std::shared_ptr<const std::vector<std::string>> host_ids_;
};

/// The transports of all ranks of a new world, by rank.
[[nodiscard]] std::vector<std::unique_ptr<Transport>> MakeInProcessWorld(
    int size, InProcessOptions options = {});

/// A world of one rank: what a program that was started without a launcher runs on.
[[nodiscard]] Result<std::unique_ptr<Transport>> CreateInProcessWorld(const Config& config);

}  // namespace ronde
