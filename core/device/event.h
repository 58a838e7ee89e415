#pragma once

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "core/base/clock.h"
#include "core/device/device.h"

namespace ronde {

/// Owns an event: a moment of a stream, for other streams and for the host. Move-only; moved-from
/// and default are null. Thread rule: thread-safe once recorded.
class Event {
 public:
  Event() = default;
  [[nodiscard]] static Result<Event> Create(Device& device);
  ~Event() { Reset(); }
  Event(Event&& other) noexcept
      : device_(std::exchange(other.device_, nullptr)),
        native_(std::exchange(other.native_, nullptr)) {}
  Event& operator=(Event&& other) noexcept;

  [[nodiscard]] Device& device() const { return *device_; }
  [[nodiscard]] void* native() const { return native_; }
  /// Happens when everything that `stream` has been given so far is done.
  Status Record(StreamView stream) { return device_->Record(native_, stream.native); }
  /// Makes what `stream` is given from now on run after it.
  Status HoldUp(StreamView stream) const { return device_->WaitFor(stream.native, native_); }
  /// An error is one of the work before it.
  [[nodiscard]] Result<bool> Happened() const { return device_->Happened(native_); }
  /// Blocks the host. Error: kTimeout.
  Status Wait(Deadline deadline) const;
  void Reset();

 private:
  Event(Device& device, void* native) : device_(&device), native_(native) {}
  Device* device_ = nullptr;
  void* native_ = nullptr;
};

/// Events to be had again and again: making one is a call of the driver. The events keep the
/// storage alive, so they may outlive the pool, but not the device.
/// Thread rule: thread-safe; guarded by the storage's mutex.
class EventPool {
 public:
  explicit EventPool(Device& device);
  /// A free event, recorded on `stream`; it returns by itself when its last pointer goes.
  [[nodiscard]] Result<std::shared_ptr<const Event>> Record(StreamView stream);

 private:
  struct Storage;
  std::shared_ptr<Storage> storage_;
};

}  // namespace ronde
