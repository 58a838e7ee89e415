#pragma once

#include <memory>
#include <string>
#include <vector>

#include "bench/collectives/runner.h"
#include "collectives/collective_context.h"
#include "collectives/selector.h"
#include "core/base/config.h"
#include "core/comm/transport.h"

namespace ronde::bench {

/// Ronde's algorithms called bare, without an engine. Also what the benchmark itself uses to agree
/// on figures between ranks.
class DirectRunner final : public AllreduceRunner {
 public:
  /// Collective.
  [[nodiscard]] static Result<std::unique_ptr<DirectRunner>> Create(const Config& config);
  /// Collective; on a given transport (tests).
  [[nodiscard]] static Result<std::unique_ptr<DirectRunner>> CreateOn(
      std::unique_ptr<Transport> transport, const Config& config);

  [[nodiscard]] int rank() const { return context_->rank(); }
  [[nodiscard]] int size() const { return context_->size(); }

  [[nodiscard]] bool Supports(const AllreduceArguments&) const override { return true; }
  Status Begin() override { return Status::Ok(); }
  Status Run(const AllreduceArguments& arguments) override;
  void End() override {}
  [[nodiscard]] std::string AlgorithmFor(const AllreduceArguments& arguments) override;

  /// Collective: memory that all ranks of a host have mapped.
  [[nodiscard]] Result<std::shared_ptr<std::byte>> AllocateRegistered(std::size_t size_bytes);
  [[nodiscard]] MemoryPlace Find(const void* data, std::size_t size_bytes) const {
    return context_->registered().Find(data, size_bytes);
  }

  /// Collective: elementwise maximum (or sum) over ranks, in place.
  Status Max(std::vector<double>& values);
  Status Sum(std::vector<double>& values);
  /// Collective: kOk if all passed kOk, else a failure on every rank; ranks that passed kOk learn
  /// only that another failed.
  Status Agree(const Status& mine);

 private:
  DirectRunner(std::unique_ptr<Transport> transport, Selector selector)
      : transport_(std::move(transport)), selector_(std::move(selector)) {}
  Status Reduce(std::vector<double>& values, ReduceOp op);

  std::unique_ptr<Transport> transport_;
  Selector selector_;
  std::unique_ptr<CollectiveContext> context_;
};

}  // namespace ronde::bench
