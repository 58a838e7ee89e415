#include "tensor_fusion/device/finalizer.h"

#include <chrono>
#include <utility>

#include "core/device/polling.h"

namespace ronde {
namespace {

// How long the thread may take to notice that it is to give up; a callback may hold it up.
constexpr std::chrono::seconds kNoticeTime{5};

bool WaitUntil(std::condition_variable& changed, std::unique_lock<std::mutex>& lock,
               const Deadline& deadline, const std::function<bool()>& is_met) {
  const std::int64_t left_ns = deadline.RemainingNs();
  if (left_ns != INT64_MAX) {
    return changed.wait_for(lock, std::chrono::nanoseconds(left_ns), is_met);
  }
  changed.wait(lock, is_met);
  return true;
}

}  // namespace

Finalizer::~Finalizer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  gives_up_.store(true, std::memory_order_relaxed);
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
  for (const Flight& flight : failed_) {
    for (const Handle& handle : flight.handles) {
      handle.Complete(Status::Shutdown("the session has ended"));
    }
  }
  // Whatever a device may still write to is never given back.
  if (!abandoned_.empty()) static_cast<void>(new std::vector<Flight>(std::move(abandoned_)));
}

Flight Finalizer::NewFlight() {
  const std::lock_guard lock(mutex_);
  if (spare_.empty()) return {};
  Flight flight = std::move(spare_.back());
  spare_.pop_back();
  return flight;
}

void Finalizer::Add(Flight flight) {
  {
    const std::lock_guard lock(mutex_);
    flights_.push_back(std::move(flight));
    ++unfinished_;
    if (!thread_.joinable()) thread_ = std::thread([this] { Run(); });
  }
  changed_.notify_all();
}

void Finalizer::Run() {
  while (true) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stopping_ || !flights_.empty(); });
    }
    if (!EndNext(Deadline::Never())) return;
  }
}

bool Finalizer::EndNext(const Deadline& deadline) {
  Flight flight;
  {
    const std::lock_guard lock(mutex_);
    if (flights_.empty()) return false;
    flight = std::move(flights_.front());
    flights_.pop_front();
  }
  const Status outcome = Outcome(flight, deadline);
  if (!outcome.ok()) Latch(outcome);
  if (outcome.ok() && failure().ok()) {
    Complete(std::move(flight));
  } else {
    const std::lock_guard lock(mutex_);
    if (GaveUp(deadline)) abandoned_.push_back({flight.done, {}, nullptr, flight.uses});
    failed_.push_back(std::move(flight));
  }
  const std::lock_guard lock(mutex_);
  --unfinished_;
  changed_.notify_all();
  return true;
}

Status Finalizer::Outcome(const Flight& flight, const Deadline& deadline) {
  Status failure;
  Polling polling;
  while (true) {
    // First this: what made it happen has left its traces before.
    const Result<bool> happened = flight.done->Happened();
    if (!happened.ok()) return failure.ok() ? happened.status() : failure;
    if (failure.ok() && flight.check) {
      failure = flight.check();
      // It may need help to end: whoever is told gives it.
      if (!failure.ok()) Latch(failure);
    }
    if (happened.value()) {
      const bool cut_short = failure.ok() && interrupted();
      return cut_short ? Status::Aborted("the operation was interrupted") : failure;
    }
    if (GaveUp(deadline)) {
      return failure.ok() ? Status::Timeout("the work on the device did not end") : failure;
    }
    polling.Pause();
  }
}

void Finalizer::Complete(Flight flight) {
  flight.uses.clear();
  for (const Handle& handle : flight.handles) handle.Complete(Status::Ok());
  flight.Clear();
  const std::lock_guard lock(mutex_);
  spare_.push_back(std::move(flight));
}

void Finalizer::Latch(const Status& failure) {
  {
    const std::lock_guard lock(mutex_);
    if (!failure_.ok()) return;
    failure_ = failure;
  }
  // Who interrupts knows why better than what was interrupted.
  if (interrupted()) return;
  const std::lock_guard lock(callback_mutex_);
  if (on_failure_) on_failure_(failure);
}

void Finalizer::OnFailure(FailureCallback callback) {
  const std::lock_guard lock(callback_mutex_);
  on_failure_ = std::move(callback);
}

Status Finalizer::failure() const {
  const std::lock_guard lock(mutex_);
  return failure_;
}

Status Finalizer::Drain(Deadline deadline, const std::function<Status()>& cause) {
  bool in_time = true;
  std::unique_lock lock(mutex_);
  const auto none_left = [this] { return unfinished_ == 0; };
  if (std::this_thread::get_id() == thread_.get_id()) {
    // A callback of the flight that is being completed: it does the thread's work itself.
    lock.unlock();
    while (EndNext(deadline)) {
    }
    in_time = !deadline.Expired();
    lock.lock();
  } else if (!WaitUntil(changed_, lock, deadline, none_left)) {
    in_time = false;
    gives_up_.store(true, std::memory_order_relaxed);
    changed_.wait_for(lock, kNoticeTime, none_left);
  }
  std::vector<Flight> failed = std::exchange(failed_, {});
  const Status first = failure_;
  lock.unlock();
  if (!failed.empty()) {
    const Status agreed = cause();
    const Status& told = agreed.ok() ? first : agreed;
    for (const Flight& flight : failed) {
      for (const Handle& handle : flight.handles) handle.Complete(told);
    }
  }
  if (in_time || !first.ok()) return first;
  return Status::Timeout("the work on the device did not end in time");
}

}  // namespace ronde
