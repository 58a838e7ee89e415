#pragma once

#include <memory>
#include <string>
#include <vector>

#include "bench/collectives/runner.h"
#include "collectives/allreduce/algorithm.h"
#include "collectives/collective_context.h"
#include "collectives/selector.h"
#include "core/base/config.h"
#include "core/comm/transport.h"

namespace ronde::bench {

/// Ronde's collectives called bare, without an engine. Also what the benchmark itself uses to agree
/// on figures between ranks.
class DirectRunner final : public CollectiveRunner {
 public:
  /// Collective.
  [[nodiscard]] static Result<std::unique_ptr<DirectRunner>> Create(const Config& config);
  /// Collective; on a given transport (tests).
  [[nodiscard]] static Result<std::unique_ptr<DirectRunner>> CreateOn(
      std::unique_ptr<Transport> transport, const Config& config);

  [[nodiscard]] int rank() const { return context_->rank(); }
  [[nodiscard]] int size() const { return context_->size(); }
  [[nodiscard]] CollectiveContext& context() { return *context_; }

  [[nodiscard]] bool Supports(const CollectiveCall&) const override { return true; }
  Status Begin() override { return Status::Ok(); }
  Status Run(const CollectiveCall& call) override;
  Status Barrier() override;
  void End() override {}
  [[nodiscard]] std::string AlgorithmFor(const CollectiveCall& call) override;
  /// The error that Run would return because settings name an algorithm that cannot make this call;
  /// of its pointers none is looked at.
  [[nodiscard]] Status CheckChoice(const CollectiveCall& call);
  [[nodiscard]] Result<std::shared_ptr<std::byte>> AllocateRegistered(
      std::size_t size_bytes) override;
  [[nodiscard]] MemoryPlace Find(const void* data, std::size_t size_bytes) const override {
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
  Status Allreduce(const AllreduceArguments& arguments);
  Status SendReceiveRing(const CollectiveCall& call);
  Status Reduce(std::vector<double>& values, ReduceOp op);
  /// `value` for every rank (or pair of ranks), kept between calls.
  std::span<const std::int64_t> Repeated(std::int64_t value, int times);

  std::unique_ptr<Transport> transport_;
  Selector selector_;
  std::unique_ptr<CollectiveContext> context_;
  std::vector<std::int64_t> repeated_;
};

}  // namespace ronde::bench
