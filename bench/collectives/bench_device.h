#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include "bench/collectives/device_choice.h"
#include "core/base/status.h"
#include "core/device/device.h"
#include "core/device/event.h"
#include "core/device/stream.h"

namespace ronde::bench {

/// The device that a rank's buffers lie on, and how a benchmark itself gets at them. Everything
/// here waits for the device. Thread rule: one thread.
class BenchDevice {
 public:
  /// `choice` is not kCpu. The ranks of a host take its GPUs in turn, so that several may have the
  /// same one. Errors: kUnavailable, which says what is missing.
  [[nodiscard]] static Result<std::unique_ptr<BenchDevice>> Open(DeviceChoice choice,
                                                                 int local_rank);

  [[nodiscard]] Device& device() const { return *device_; }
  [[nodiscard]] StreamView stream() const { return stream_.view(); }
  [[nodiscard]] EventPool& events() { return events_; }
  [[nodiscard]] const std::string& name() const { return device_->info().name; }

  /// Plain device memory. Error: kUnavailable.
  [[nodiscard]] Result<std::shared_ptr<std::byte>> Allocate(std::size_t size_bytes);
  /// Between the host and the device, in either direction, or on the device.
  Status Copy(void* target, const void* source, std::size_t size_bytes);
  /// Spins until all that `stream` was given is done: a sleep would be timed. Error: kTimeout.
  Status Finish(StreamView stream);

 private:
  BenchDevice(std::unique_ptr<Device> device, Stream stream, Event event)
      : device_(std::move(device)),
        stream_(std::move(stream)),
        event_(std::move(event)),
        events_(*device_) {}

  std::shared_ptr<Device> device_;  // shared with what Allocate returns
  Stream stream_;
  Event event_;
  EventPool events_;
};

}  // namespace ronde::bench
