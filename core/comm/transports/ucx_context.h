#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/base/status.h"
#include "core/comm/transports/ucx_library.h"

namespace ronde {

/// One of UCX's own settings, without its prefix UCX_.
struct UcxSetting {
  std::string name;
  std::string value;
};

/// A context and a worker of UCX, ready to sleep on. Move-only; engine-only.
class UcxContext {
 public:
  /// With `settings` in UCX's own configuration. Error: kUnavailable, in UCX's words.
  [[nodiscard]] static Result<std::unique_ptr<UcxContext>> Create(
      const UcxLibrary& library, std::span<const UcxSetting> settings);
  ~UcxContext();
  UcxContext(const UcxContext&) = delete;
  UcxContext& operator=(const UcxContext&) = delete;

  [[nodiscard]] const UcxLibrary& library() const { return library_; }
  [[nodiscard]] ucp_worker_h worker() const { return worker_; }
  /// What peers on other hosts need to reach the worker.
  [[nodiscard]] const std::vector<std::byte>& address() const { return address_; }
  [[nodiscard]] int event_descriptor() const { return event_descriptor_; }
  /// Whether this UCX was built with CUDA and has found a device: it then knows a device's memory
  /// from the host's and moves it by itself.
  [[nodiscard]] bool knows_device_memory() const { return knows_device_memory_; }

 private:
  explicit UcxContext(const UcxLibrary& library) : library_(library) {}
  Status Initialize(std::span<const UcxSetting> settings);
  Status CreateWorker();

  const UcxLibrary& library_;
  ucp_context_h context_ = nullptr;
  ucp_worker_h worker_ = nullptr;
  std::vector<std::byte> address_;
  int event_descriptor_ = -1;
  bool knows_device_memory_ = false;
};

}  // namespace ronde
