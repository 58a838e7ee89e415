#pragma once

#include <memory>

#include <mpi.h>

#include "core/comm/transports/wire.h"

namespace ronde {

/// Messages of MPI on a communicator of Ronde's own. Groups have tags of their own rather than
/// communicators: they cost nothing, and no call of MPI that watches neither deadline nor liveness.
/// What is given up, MPI may still write to.
class MpiWire final : public Wire {
 public:
  explicit MpiWire(MPI_Comm comm);

  [[nodiscard]] std::string_view name() const override { return "mpi"; }
  Result<std::unique_ptr<WireRequest>> Send(int peer, const WireTag& tag,
                                            std::span<const std::byte> data) override;
  Result<std::unique_ptr<WireRequest>> Receive(int peer, const WireTag& tag,
                                               std::span<std::byte> data) override;
  /// Needed only where something else is waited for: a request's Test moves everything of MPI.
  void Progress() override;
  [[nodiscard]] int last_group() const override { return last_group_; }
  /// Whether messages are under way.
  [[nodiscard]] bool is_busy() const { return pending_ > 0; }

 private:
  class Request;

  MPI_Comm comm_;
  int last_group_ = 0;
  int pending_ = 0;  // requests that were not complete when they were last looked at
};

}  // namespace ronde
