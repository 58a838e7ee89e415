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

}  // namespace

Engine::Engine(Transport& transport, Executor& executor, const Config& config, const Clock& clock,
               EngineObserver* observer)
    : impl_(std::make_unique<Impl>(transport, executor, config, clock, observer)) {}

Engine::~Engine() { (void)impl_->Shutdown(); }

Handle Engine::Enqueue(Request request, TensorView input, TensorView output) {
  TensorEntry entry;
  entry.request = std::move(request);
  entry.input = std::move(input);
  entry.output = std::move(output);
  return impl_->Enqueue(std::move(entry));
}

Handle Engine::Enqueue(Request request, std::vector<GroupMember> group) {
  TensorEntry entry;
  entry.request = std::move(request);
  entry.group = std::move(group);
  return impl_->Enqueue(std::move(entry));
}

void Engine::Abort(const Status& cause) { impl_->Abort(cause); }

Status Engine::Shutdown() { return impl_->Shutdown(); }

Status Engine::status() const { return impl_->status(); }

EngineCounters Engine::counters() const { return impl_->counters(); }

Engine::Impl::Impl(Transport& transport, Executor& executor, const Config& config,
                   const Clock& clock, EngineObserver* observer)
    : transport_(transport),
      executor_(executor),
      clock_(clock),
      observer_(observer),
      rank_(transport.rank()),
      size_(transport.size()),
      timeout_s_(config.GetReal(Setting::kTimeoutS)),
      queue_(rank_, clock),
      relatives_(rank_, size_),
      sets_(size_),
      tree_(rank_, size_, sets_, cache_, PatienceNs(config)) {
  executor_.Observe(observer_);
  if (rank_ == 0) coordinator_.emplace(size_, config, clock, observer_);
  if (alone()) return;
  thread_ = std::thread([this] { Run(); });
  thread_id_ = thread_.get_id();
}

Handle Engine::Impl::Enqueue(TensorEntry entry) {
  Status valid = Validate(entry.request);
  if (!valid.ok()) return Handle::Completed(std::move(valid));
  entry.handle = Handle([this, key = KeyOf(entry.request)](const Status& status) {
    queue_.Release(key);
    if (status.ok()) operations_.fetch_add(1, std::memory_order_relaxed);
  });
  const Handle handle = entry.handle;
  if (observer_ != nullptr) observer_->OnSubmitted(entry.request, clock_.NowNs());
  const Result<bool> first = queue_.Add(std::move(entry));
  if (!first.ok()) return Handle::Completed(first.status());
  // Alone, always: the operation must not be left to another caller, whose callbacks would then run
  // in the middle of a pass.
  if (first.value() || alone()) Wake();
  return handle;
}

void Engine::Impl::Abort(const Status& cause) {
  {
    std::lock_guard lock(mutex_);
    if (abort_request_ || !failure_.ok()) return;
    abort_request_ = cause.ok() ? Status::Aborted("ended without a cause") : cause;
    // The engine thread may be waiting for a peer. Elsewhere it sees the request by itself.
    if (executing_ && !alone()) transport_.RequestAbort(WithRank(*abort_request_));
  }
  Wake();
}

Status Engine::Impl::Shutdown() {
  queue_.Close();
  Wake();
  // A callback cannot wait for the thread that it runs on; that thread leaves by itself.
  if (std::this_thread::get_id() == thread_id_) return status();
  std::lock_guard lock(join_mutex_);
  if (thread_.joinable()) thread_.join();
  return status();
}

Status Engine::Impl::status() const {
  std::lock_guard lock(mutex_);
  return failure_;
}

EngineCounters Engine::Impl::counters() const {
  EngineCounters counters;
  counters.operations = operations_.load(std::memory_order_relaxed);
  counters.response_lists = response_lists_.load(std::memory_order_relaxed);
  counters.payload_bytes = payload_bytes_.load(std::memory_order_relaxed);
  counters.execute_ns = execute_ns_.load(std::memory_order_relaxed);
  counters.outstanding_ns = queue_.outstanding_ns();
  return counters;
}

}  // namespace ronde
