#include "bench/engine/control_cycles.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <random>
#include <utility>

#include "bench/engine/wait_for_all.h"
#include "core/base/clock.h"
#include "core/base/strcat.h"
#include "core/control/engine.h"

namespace ronde::bench {
namespace {

// Moves no data.
class CompletingExecutor final : public Executor {
 public:
  Status Execute(std::span<ReadyOperation> operations) override {
    handles_.clear();
    for (ReadyOperation& operation : operations) handles_.push_back(&operation.entry.handle);
    Handle::CompleteAll(handles_);
    return Status::Ok();
  }

 private:
  std::vector<Handle*> handles_;
};

class ControlRank {
 public:
  ControlRank(Engine& engine, const CyclePlan& plan, int rank)
      : engine_(engine), plan_(plan), random_(static_cast<unsigned>(rank)) {
    order_.resize(static_cast<std::size_t>(plan.tensors));
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    if (plan.order != SubmitOrder::kSame) Shuffle();
    values_.resize(order_.size());
    for (std::size_t i = 0; i < order_.size(); ++i) {
      Request& request = requests_.emplace_back();
      request.name = StrCat("layer", i, ".weight");
      request.shape = {1};
      views_.emplace_back(&values_[i], DataType::kFloat32, request.shape);
    }
    handles_.reserve(order_.size());
  }

  Status Cycle() {
    if (plan_.order == SubmitOrder::kRandom) Shuffle();
    begin_ns_ = clock_.NowNs();
    for (const std::size_t i : order_) handles_.push_back(Submit(requests_[i], views_[i]));
    submitted_ns_ = clock_.NowNs();
    Status status = WaitForAll(handles_);
    end_ns_ = clock_.NowNs();
    handles_.clear();
    return status;
  }

  [[nodiscard]] std::int64_t begin_ns() const { return begin_ns_; }
  [[nodiscard]] std::int64_t submitted_ns() const { return submitted_ns_; }
  [[nodiscard]] std::int64_t end_ns() const { return end_ns_; }

 private:
  // As a session does.
  Handle Submit(const Request& request, const TensorView& view) {
    std::optional<Handle> again =
        engine_.EnqueueAgain({.name = request.name, .input = view, .output = view});
    return again ? *std::move(again) : engine_.Enqueue(request, view, view);
  }

  void Shuffle() { std::shuffle(order_.begin(), order_.end(), random_); }

  Engine& engine_;
  const CyclePlan& plan_;
  std::mt19937 random_;
  SteadyClock clock_;
  std::vector<std::size_t> order_;
  std::vector<Request> requests_;
  std::vector<float> values_;
  std::vector<TensorView> views_;
  std::vector<Handle> handles_;
  std::int64_t begin_ns_ = 0;
  std::int64_t submitted_ns_ = 0;
  std::int64_t end_ns_ = 0;
};

}  // namespace

Result<RankCycles> RunControlCycles(std::unique_ptr<Transport> transport, const Config& config,
                                    const CyclePlan& plan) {
  const SteadyClock clock;
  CountingTransport counting(std::move(transport));
  CompletingExecutor executor;
  Engine engine(counting, executor, config, clock);
  ControlRank rank(engine, plan, counting.rank());
  for (int i = 0; i < plan.warmup_cycles; ++i) RONDE_RETURN_IF_ERROR(rank.Cycle());
  RankCycles cycles;
  const MessageCounts before = counting.counts();
  for (int i = 0; i < plan.cycles; ++i) {
    RONDE_RETURN_IF_ERROR(rank.Cycle());
    cycles.begin_ns.push_back(rank.begin_ns());
    cycles.submitted_ns.push_back(rank.submitted_ns());
    cycles.end_ns.push_back(rank.end_ns());
  }
  cycles.sent = counting.counts() - before;
  RONDE_RETURN_IF_ERROR(engine.Shutdown());
  return cycles;
}

}  // namespace ronde::bench
