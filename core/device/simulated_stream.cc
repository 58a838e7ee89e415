#include "core/device/simulated_stream.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace ronde {
namespace {

// Waits go to sleep for no longer than this, and look around again.
constexpr std::chrono::milliseconds kLook{20};

}  // namespace

std::uint64_t SimulatedEvent::AddRecord() {
  const std::lock_guard lock(mutex_);
  return ++recorded_;
}

std::uint64_t SimulatedEvent::LastRecord() const {
  const std::lock_guard lock(mutex_);
  return recorded_;
}

void SimulatedEvent::Happen(std::uint64_t record, const Status& status) {
  const std::lock_guard lock(mutex_);
  // Records on two streams may happen in either order: the later one counts.
  if (record < happened_) return;
  happened_ = record;
  status_ = status;
  changed_.notify_all();
}

Result<bool> SimulatedEvent::Happened() const {
  const std::lock_guard lock(mutex_);
  if (happened_ < recorded_) return false;
  if (!status_.ok()) return status_;
  return true;
}

Status SimulatedEvent::Wait(std::uint64_t record, const std::atomic<bool>& stop) const {
  std::unique_lock lock(mutex_);
  while (happened_ < record) {
    // Relaxed: it only ends the wait, and hands over nothing.
    if (stop.load(std::memory_order_relaxed)) return Status::Shutdown("the device is closed");
    changed_.wait_for(lock, kLook);
  }
  return status_;
}

SimulatedStream::~SimulatedStream() {
  Close();
  if (thread_.joinable()) thread_.join();
}

void SimulatedStream::Enqueue(Work work) {
  const std::lock_guard lock(mutex_);
  queue_.push_back(std::move(work));
  if (!thread_.joinable()) thread_ = std::thread([this] { Run(); });
  changed_.notify_all();
}

void SimulatedStream::Close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  changed_.notify_all();
}

bool SimulatedStream::Finished() const {
  const std::lock_guard lock(mutex_);
  return closed_ && (finished_ || !thread_.joinable());
}

Status SimulatedStream::Synchronize(Deadline deadline) const {
  std::unique_lock lock(mutex_);
  while (busy_ || !queue_.empty()) {
    const std::chrono::nanoseconds left(deadline.RemainingNs());
    if (left.count() == 0) return Status::Timeout("the work of a stream did not end in time");
    changed_.wait_for(lock, std::min<std::chrono::nanoseconds>(left, kLook));
  }
  return status_;
}

void SimulatedStream::Run() {
  std::unique_lock lock(mutex_);
  Status status;
  while (true) {
    changed_.wait(lock, [this] { return closed_ || !queue_.empty(); });
    if (queue_.empty()) break;
    Work work = std::move(queue_.front());
    queue_.pop_front();
    busy_ = true;
    lock.unlock();
    work(status);
    work = nullptr;  // what it holds is released outside the lock
    lock.lock();
    busy_ = false;
    status_ = status;
    changed_.notify_all();
  }
  finished_ = true;
  changed_.notify_all();
}

}  // namespace ronde
