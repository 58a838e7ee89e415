#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/base/clock.h"
#include "core/base/status.h"
#include "core/device/device_list.h"

namespace ronde {

class Device;

enum class DeviceKind : std::uint8_t {
  kCuda = 0,
  kSimulated = 1,  ///< streams are threads and device memory is host memory: for tests
};
[[nodiscard]] std::string_view Name(DeviceKind kind);

enum class StreamPriority : std::uint8_t { kDefault, kHigh };

/// A stream, borrowed: somebody else's (a framework's current one) or a Stream's. Work that is
/// given to it runs in order, later, beside the host.
struct StreamView {
  Device* device = nullptr;
  void* native = nullptr;  ///< cudaStream_t; of CUDA null is the default stream
};

/// Which process of which boot of which machine: one may use another's pointers where they agree.
using ProcessToken = std::array<std::byte, 16>;

/// A piece of one process's device memory that another process may map; plain bytes, sent as they
/// are.
struct MemoryExport {
  ProcessToken process = {};
  std::uint64_t address = 0;  ///< of the first byte, in the exporting process
  std::uint64_t size_bytes = 0;
  std::uint64_t offset = 0;  ///< from the start of the allocation that `ipc` names
  std::int32_t device_index = 0;
  std::array<std::byte, 64> ipc = {};  ///< cudaIpcMemHandle_t
};

/// One accelerator as this process uses it: memory, streams, events. What the RAII types (Stream,
/// Event, DeviceBuffer, PinnedBuffer) are made of; other code uses those. Nothing here waits for
/// the device, unless it says so. Errors are kUnavailable with the driver's own words (no memory,
/// no such device) or kInternal.
/// Thread rule: thread-safe; immutable but for what it owns.
class Device {
 public:
  virtual ~Device() = default;
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  [[nodiscard]] virtual DeviceKind kind() const = 0;
  [[nodiscard]] virtual const DeviceInfo& info() const = 0;
  [[nodiscard]] int index() const { return info().index; }
  /// So many blocks of one kernel run at once for sure (one of 1024 threads per multiprocessor):
  /// the most that a kernel whose blocks wait for one another may be launched with. At least 1.
  [[nodiscard]] virtual int concurrent_blocks() const = 0;

  // --- Memory. Aligned to 256 bytes at least; contents undefined.
  [[nodiscard]] virtual Result<void*> Allocate(std::size_t size_bytes) = 0;
  virtual void Free(void* memory) = 0;
  /// Host memory that the device reaches at the same address and copies without staging.
  [[nodiscard]] virtual Result<void*> AllocatePinned(std::size_t size_bytes) = 0;
  virtual void FreePinned(void* memory) = 0;
  /// Whether `memory` is this device's own.
  [[nodiscard]] virtual bool Owns(const void* memory) const = 0;

  // --- Memory of peers: other processes, or other devices of this one.
  /// Errors: kUnavailable where this memory cannot be shared.
  [[nodiscard]] virtual Result<MemoryExport> Export(const void* memory, std::size_t size_bytes) = 0;
  /// An address at which kernels of this device reach it until Unmap: the pointer itself where it
  /// is of this process. Errors: kUnavailable where it cannot be reached from here.
  [[nodiscard]] virtual Result<void*> Map(const MemoryExport& memory) = 0;
  virtual void Unmap(void* memory) = 0;

  // --- Streams and events, by their native handles.
  [[nodiscard]] virtual Result<void*> CreateStream(StreamPriority priority) = 0;
  /// Work that was given to it still runs.
  virtual void DestroyStream(void* stream) = 0;
  [[nodiscard]] virtual Result<void*> CreateEvent() = 0;
  virtual void DestroyEvent(void* event) = 0;
  /// The event happens when everything that was given to `stream` before has been done.
  virtual Status Record(void* event, void* stream) = 0;
  /// What is given to `stream` from now on runs after the event.
  virtual Status WaitFor(void* stream, void* event) = 0;
  /// Whether the last Record has happened; true where there was none. An error is one of the work
  /// before it.
  [[nodiscard]] virtual Result<bool> Happened(void* event) = 0;

  // --- Work.
  /// Between device and host memory in any combination; pageable host memory may block.
  virtual Status Copy(void* target, const void* source, std::size_t size_bytes, void* stream) = 0;
  virtual Status FillZero(void* target, std::size_t size_bytes, void* stream) = 0;
  /// Blocks until all work of `stream` is done. Error: kTimeout.
  virtual Status Synchronize(void* stream, Deadline deadline) = 0;

 protected:
  Device() = default;
};

}  // namespace ronde
