#pragma once

#include <array>
#include <cstddef>
#include <map>
#include <mutex>

#include "core/device/device.h"

namespace ronde {

/// Memory that processes share: exports of one device's allocations, and what it has mapped of
/// others. An allocation is opened once, however often and in whatever pieces it is mapped.
/// Thread rule: thread-safe; guarded by its mutex.
class CudaPeerMemory {
 public:
  explicit CudaPeerMemory(int device);
  /// Closes what is still open.
  ~CudaPeerMemory();

  [[nodiscard]] Result<MemoryExport> Export(const void* memory, std::size_t size_bytes) const;
  [[nodiscard]] Result<void*> Map(const MemoryExport& memory);
  void Unmap(void* memory);

 private:
  using IpcHandle = decltype(MemoryExport::ipc);
  struct Opened {
    void* begin = nullptr;
    int users = 0;
  };
  [[nodiscard]] Result<void*> MapOwnProcess(const MemoryExport& memory) const;
  [[nodiscard]] Result<void*> MapOtherProcess(const MemoryExport& memory);

  const int device_;
  const ProcessToken process_;
  std::mutex mutex_;
  std::map<IpcHandle, Opened> opened_;
  std::multimap<void*, IpcHandle> mapped_;  // by the address that Map returned
};

}  // namespace ronde
