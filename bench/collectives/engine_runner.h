#pragma once

#include <memory>
#include <string>

#include "bench/collectives/runner.h"
#include "core/base/config.h"
#include "frontends/session/session.h"

namespace ronde::bench {

/// One named allreduce at a time through a session: negotiation, engine thread and all.
/// The session lives from Begin to End, since an engine thread may use MPI whenever it wakes.
class EngineRunner final : public AllreduceRunner {
 public:
  explicit EngineRunner(const Config& config) : config_(config) {}

  [[nodiscard]] bool Supports(const AllreduceArguments&) const override { return true; }
  Status Begin() override;
  Status Run(const AllreduceArguments& arguments) override;
  void End() override { session_.reset(); }
  [[nodiscard]] std::string AlgorithmFor(const AllreduceArguments&) override { return "engine"; }

 private:
  const Config& config_;
  std::unique_ptr<Session> session_;
};

}  // namespace ronde::bench
