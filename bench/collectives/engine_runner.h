#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bench/collectives/bench_device.h"
#include "bench/collectives/runner.h"
#include "bench/collectives/session_maker.h"
#include "core/base/config.h"
#include "core/control/handle.h"
#include "frontends/session/session.h"

namespace ronde::bench {

/// One named collective at a time through a session: negotiation, engine thread and all.
/// The session lives from Begin to End, since an engine thread may use MPI whenever it wakes.
class EngineRunner final : public CollectiveRunner {
 public:
  /// `device`: where the buffers of calls lie; null: in host memory.
  EngineRunner(const Config& config, SessionMaker make_session, BenchDevice* device)
      : config_(config), make_session_(std::move(make_session)), device_(device) {}

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
    return device_ == nullptr ? session_->Allocate(size_bytes)
                              : session_->AllocateOn(device_->device(), size_bytes);
  }
  [[nodiscard]] BenchDevice* device() const override { return device_; }
  [[nodiscard]] bool KeepsRegistrations() const override { return false; }

 private:
  [[nodiscard]] Handle Submit(const CollectiveCall& call);
  /// What a caller of a broadcast out of place does first; yields when the values are there.
  [[nodiscard]] Result<std::shared_ptr<const Event>> CopyRoot(const CollectiveCall& call);

  const Config& config_;
  const SessionMaker make_session_;
  BenchDevice* const device_;
  std::unique_ptr<Session> session_;
  std::shared_ptr<const Event> ready_;  // of the next call's input; null: it is there
  Handle last_;
};

}  // namespace ronde::bench
