#pragma once

#include <utility>

#include "core/device/device.h"

namespace ronde {

/// Owns a stream. Move-only; moved-from and default are null. Thread rule: as Device.
class Stream {
 public:
  Stream() = default;
  [[nodiscard]] static Result<Stream> Create(Device& device, StreamPriority priority);
  ~Stream() { Reset(); }
  Stream(Stream&& other) noexcept : view_(std::exchange(other.view_, {})) {}
  Stream& operator=(Stream&& other) noexcept;

  [[nodiscard]] StreamView view() const { return view_; }
  [[nodiscard]] Device& device() const { return *view_.device; }
  void Reset();

 private:
  explicit Stream(StreamView view) : view_(view) {}
  StreamView view_;
};

}  // namespace ronde
