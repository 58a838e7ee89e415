#include "core/control/engine.h"

#include <algorithm>
#include <utility>

#include "core/base/strcat.h"
#include "core/control/engine_impl.h"

namespace ronde {
namespace {

// How long a cached operation may wait at a rank of the tree before rank 0 hears who has asked for
// it and who has not; soon enough for the stall inspector.
std::int64_t PatienceNs(const Config& config) {
  double patience_s = 1;
  for (const Setting setting : {Setting::kStallWarningS, Setting::kStallShutdownS}) {
    const double limit_s = config.GetReal(setting);
    if (limit_s > 0) patience_s = std::min(patience_s, limit_s / 8);
  }
  return static_cast<std::int64_t>(patience_s * 1e9);
}

// As long as a collective spins before it sleeps.
std::int64_t LookOnNs(const Config& config) {
  constexpr std::int64_t kUsualUs = 50;
  if (config.GetText(Setting::kWait) == "block") return 0;
  const std::int64_t spin_us = config.GetInteger(Setting::kSpinUs);
  return (spin_us >= 0 ? spin_us : kUsualUs) * 1000;
}

}  // namespace

Engine::Engine(Transport& transport, Executor& executor, const Config& config, const Clock& clock,
               EngineObserver* observer, Autotuner* autotuner)
    : impl_(std::make_unique<Impl>(transport, executor, config, clock, observer, autotuner)) {}

Engine::~Engine() { (void)impl_->Shutdown(); }

Handle Engine::Enqueue(Request request, TensorView input, TensorView output) {
  Device* const device = output.device;
  return impl_->Enqueue({.request = std::move(request),
                         .input = std::move(input),
                         .output = std::move(output),
                         .device = device,
                         .handle = Handle(nullptr)});
}

std::optional<Handle> Engine::EnqueueAgain(const AllreduceCall& call) {
  return impl_->EnqueueAgain(call);
}

Handle Engine::Enqueue(Request request, std::vector<GroupMember> group, Device* device) {
  return impl_->Enqueue({.request = std::move(request),
                         .group = std::move(group),
                         .device = device,
                         .handle = Handle(nullptr)});
}

std::vector<Handle> Engine::EnqueueAll(std::vector<TensorEntry> entries) {
  return impl_->EnqueueAll(std::move(entries));
}

void Engine::Abort(const Status& cause) { impl_->Abort(cause); }

Status Engine::Shutdown() { return impl_->Shutdown(); }

Status Engine::status() const { return impl_->status(); }

EngineCounters Engine::counters() const { return impl_->counters(); }

bool Engine::DrivesHere() const { return impl_->DrivesHere(); }

Engine::Impl::Impl(Transport& transport, Executor& executor, const Config& config,
                   const Clock& clock, EngineObserver* observer, Autotuner* autotuner)
    : transport_(transport),
      executor_(executor),
      clock_(clock),
      observer_(observer),
      autotuner_(autotuner),
      rank_(transport.rank()),
      size_(transport.size()),
      timeout_s_(config.GetReal(Setting::kTimeoutS)),
      look_on_ns_(LookOnNs(config)),
      queue_(rank_, clock),
      relatives_(rank_, size_),
      sets_(size_),
      tree_(rank_, size_, sets_, cache_, PatienceNs(config)),
      patience_ns_(PatienceNs(config)) {
  executor_.Observe(observer_);
  executor_.OnLateFailure([this](const Status& failure) { Abort(failure); });
  if (rank_ == 0) {
    const bool can_lock = size_ > 1 && transport.has_board();
    coordinator_.emplace(size_, config, clock, observer_, autotuner_, can_lock);
  }
  if (alone()) return;
  takes_turns_ = transport.takes_turns();
  if (takes_turns_) queue_.SetHelper(this);
  const std::lock_guard turn(turn_);
  thread_ = std::thread([this] { Run(); });
  thread_id_ = thread_.get_id();
}

Handle Engine::Impl::Enqueue(TensorEntry&& entry) {
  Status valid = Validate(entry.request);
  if (!valid.ok()) return Handle::Completed(std::move(valid));
  const std::int64_t now_ns = clock_.NowNs();
  // A device is the engine thread's.
  if (entry.device != nullptr) may_help_.store(false, std::memory_order_relaxed);
  Result<TensorQueue::Added> added = queue_.Add(std::move(entry), now_ns, observer_);
  if (!added.ok()) return Handle::Completed(added.status());
  // Alone, always: the operation must not be left to another caller, whose callbacks would then run
  // in the middle of a pass.
  if (added.value().wake || alone()) WakeFor(now_ns);
  return std::move(added.value().handle);
}

std::optional<Handle> Engine::Impl::EnqueueAgain(const AllreduceCall& call) {
  const std::int64_t now_ns = clock_.NowNs();
  std::optional<TensorQueue::Added> added = queue_.AddAgain(call, now_ns, observer_);
  if (!added) return std::nullopt;
  if (added->wake || alone()) WakeFor(now_ns);
  return std::move(added->handle);
}

std::vector<Handle> Engine::Impl::EnqueueAll(std::vector<TensorEntry> entries) {
  const std::size_t count = entries.size();
  const std::int64_t now_ns = clock_.NowNs();
  Status valid;
  for (const TensorEntry& entry : entries) {
    if (valid.ok()) valid = Validate(entry.request);
    if (entry.device != nullptr) may_help_.store(false, std::memory_order_relaxed);
  }
  if (!valid.ok()) return std::vector<Handle>(count, Handle::Completed(valid));
  Result<std::vector<TensorQueue::Added>> added =
      queue_.AddAll(std::move(entries), now_ns, observer_);
  if (!added.ok()) return std::vector<Handle>(count, Handle::Completed(added.status()));
  std::vector<Handle> handles;
  handles.reserve(count);
  bool wake = alone() && count > 0;
  for (TensorQueue::Added& one : added.value()) {
    wake = wake || one.wake;
    handles.push_back(std::move(one.handle));
  }
  if (wake) WakeFor(now_ns);
  return handles;
}

void Engine::Impl::Abort(const Status& cause) {
  {
    std::lock_guard lock(mutex_);
    if (abort_request_ || !failure_.ok()) return;
    abort_request_ = cause.ok() ? Status::Aborted("ended without a cause") : cause;
    // The engine thread may be waiting for a peer. Elsewhere it sees the request by itself.
    if (executing_ && !alone()) transport_.RequestAbort(WithRank(*abort_request_));
  }
  executor_.Interrupt();
  // A callback that dies of an exception does not come back: what the engine thread would do later.
  if (DrivesHere()) return TellFailure(AbortRequest());
  Wake();
}

Status Engine::Impl::Shutdown() {
  // Until the engine has seen it, an Abort before this is why nothing more is taken.
  const Status request = AbortRequest();
  queue_.Close(request.ok() ? request : Status::Aborted(WithRank(request).message()));
  Wake();
  // A callback cannot wait for the thread that it runs on; that thread leaves by itself.
  if (DrivesHere()) return status();
  std::lock_guard lock(join_mutex_);
  if (thread_.joinable()) thread_.join();
  executor_.OnLateFailure(nullptr);
  return status();
}

Status Engine::Impl::status() const {
  std::lock_guard lock(mutex_);
  return failure_;
}

EngineCounters Engine::Impl::counters() const {
  EngineCounters counters;
  counters.operations = queue_.completed();
  counters.response_lists = response_lists_.load(std::memory_order_relaxed);
  counters.payload_bytes = payload_bytes_.load(std::memory_order_relaxed);
  counters.execute_ns = execute_ns_.load(std::memory_order_relaxed);
  counters.outstanding_ns = queue_.outstanding_ns();
  counters.in_flight = queue_.in_flight();
  return counters;
}

}  // namespace ronde
