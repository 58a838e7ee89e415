#pragma once

#include "core/device/device.h"
#include "core/device/peer_memory_cuda.h"

namespace ronde {

/// A GPU over the CUDA runtime. Streams do not synchronise with the default stream; every call
/// makes the device current for itself. Thread rule: thread-safe.
class CudaDevice final : public Device {
 public:
  /// Requires that the device can be used: see OpenCudaDevice.
  CudaDevice(DeviceInfo info, int concurrent_blocks);

  [[nodiscard]] DeviceKind kind() const override { return DeviceKind::kCuda; }
  [[nodiscard]] const DeviceInfo& info() const override { return info_; }
  [[nodiscard]] int concurrent_blocks() const override { return concurrent_blocks_; }
  [[nodiscard]] Result<void*> Allocate(std::size_t size_bytes) override;
  void Free(void* memory) override;
  [[nodiscard]] Result<void*> AllocatePinned(std::size_t size_bytes) override;
  void FreePinned(void* memory) override;
  [[nodiscard]] bool Owns(const void* memory) const override;
  [[nodiscard]] Result<MemoryExport> Export(const void* memory, std::size_t size_bytes) override {
    return peers_.Export(memory, size_bytes);
  }
  [[nodiscard]] Result<void*> Map(const MemoryExport& memory) override {
    return peers_.Map(memory);
  }
  void Unmap(void* memory) override { peers_.Unmap(memory); }
  [[nodiscard]] Result<void*> CreateStream(StreamPriority priority) override;
  void DestroyStream(void* stream) override;
  [[nodiscard]] Result<void*> CreateEvent() override;
  void DestroyEvent(void* event) override;
  Status Record(void* event, void* stream) override;
  Status WaitFor(void* stream, void* event) override;
  [[nodiscard]] Result<bool> Happened(void* event) override;
  Status Copy(void* target, const void* source, std::size_t size_bytes, void* stream) override;
  Status FillZero(void* target, std::size_t size_bytes, void* stream) override;
  Status Synchronize(void* stream, Deadline deadline) override;

 private:
  const DeviceInfo info_;
  const int concurrent_blocks_;
  CudaPeerMemory peers_;
};

}  // namespace ronde
