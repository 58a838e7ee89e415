#pragma once

#include <memory>
#include <string>
#include <vector>

#include "bench/collectives/runner.h"
#include "core/base/config.h"
#include "core/control/handle.h"
#include "frontends/session/session.h"

namespace ronde::bench {

/// One named collective at a time through a session: negotiation, engine thread and all.
/// The session lives from Begin to End, since an engine thread may use MPI whenever it wakes.
class EngineRunner final : public CollectiveRunner {
 public:
  explicit EngineRunner(const Config& config) : config_(config) {}

  /// A session sends no single messages.
  [[nodiscard]] bool Supports(const CollectiveCall& call) const override {
    return call.collective != Collective::kSendrecv;
  }
  Status Begin() override;
  /// From the call to the completion of its handle: nothing is pipelined.
  Status Run(const CollectiveCall& call) override;
  [[nodiscard]] bool SamplesEachCall() const override { return true; }
  Status Barrier() override { return session_->BarrierAsync().Wait(); }
  void End() override { session_.reset(); }
  [[nodiscard]] std::string AlgorithmFor(const CollectiveCall&) override { return "engine"; }
  [[nodiscard]] const void* Output(const CollectiveCall& call) const override;
  [[nodiscard]] Result<std::shared_ptr<std::byte>> AllocateRegistered(
      std::size_t size_bytes) override {
    return session_->Allocate(size_bytes);
  }
  [[nodiscard]] bool KeepsRegistrations() const override { return false; }

 private:
  [[nodiscard]] Handle Submit(const CollectiveCall& call);

  const Config& config_;
  std::unique_ptr<Session> session_;
  Handle last_;
};

}  // namespace ronde::bench
