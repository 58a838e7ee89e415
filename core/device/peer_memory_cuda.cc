#include "core/device/peer_memory_cuda.h"

#include <cstring>

#include <cuda_runtime_api.h>

#include "core/base/strcat.h"
#include "core/device/driver_cuda.h"
#include "core/device/process_token.h"
#include "core/device/status_cuda.h"

namespace ronde {
namespace {

static_assert(sizeof(cudaIpcMemHandle_t) == sizeof(MemoryExport::ipc));

}  // namespace

CudaPeerMemory::CudaPeerMemory(int device) : device_(device), process_(ThisProcess()) {}

CudaPeerMemory::~CudaPeerMemory() {
  const CurrentDeviceGuard guard(device_);
  for (const auto& [handle, opened] : opened_) {
    if (cudaIpcCloseMemHandle(opened.begin) != cudaSuccess) cudaGetLastError();
  }
}

Result<MemoryExport> CudaPeerMemory::Export(const void* memory, std::size_t size_bytes) const {
  const CurrentDeviceGuard guard(device_);
  const std::optional<CudaAllocation> allocation = FindCudaAllocation(memory);
  if (!allocation) {
    return Status::Unavailable(StrCat("cuda:", device_, ": memory to share is not of a device"));
  }
  MemoryExport exported;
  exported.process = process_;
  exported.address = reinterpret_cast<std::uint64_t>(memory);
  exported.size_bytes = size_bytes;
  exported.offset = exported.address - reinterpret_cast<std::uint64_t>(allocation->begin);
  exported.device_index = device_;
  if (exported.offset + size_bytes > allocation->size_bytes) {
    return Status::Unavailable(StrCat("cuda:", device_, ": ", size_bytes,
                                      " bytes to share reach past an allocation of ",
                                      allocation->size_bytes));
  }
  cudaIpcMemHandle_t handle = {};
  const cudaError_t error = cudaIpcGetMemHandle(&handle, allocation->begin);
  if (error != cudaSuccess) {
    // Memory of cudaMallocAsync and of virtual memory management has no such handle.
    const Status status = CudaStatus(error, device_, "cudaIpcGetMemHandle");
    return Status::Unavailable(
        StrCat(status.message(), ": this memory cannot be shared between processes"));
  }
  std::memcpy(exported.ipc.data(), &handle, sizeof handle);
  return exported;
}

Result<void*> CudaPeerMemory::Map(const MemoryExport& memory) {
  const CurrentDeviceGuard guard(device_);
  return memory.process == process_ ? MapOwnProcess(memory) : MapOtherProcess(memory);
}

Result<void*> CudaPeerMemory::MapOwnProcess(const MemoryExport& memory) const {
  void* const pointer = reinterpret_cast<void*>(memory.address);
  if (memory.device_index == device_) return pointer;
  int reaches = 0;
  RONDE_RETURN_IF_ERROR(CudaStatus(cudaDeviceCanAccessPeer(&reaches, device_, memory.device_index),
                                   device_,
                                   StrCat("asking for access to cuda:", memory.device_index)));
  if (reaches == 0) {
    return Status::Unavailable(
        StrCat("cuda:", device_, ": cannot reach the memory of cuda:", memory.device_index));
  }
  const cudaError_t error = cudaDeviceEnablePeerAccess(memory.device_index, 0);
  if (error == cudaErrorPeerAccessAlreadyEnabled) {
    cudaGetLastError();
    return pointer;
  }
  RONDE_RETURN_IF_ERROR(
      CudaStatus(error, device_, StrCat("enabling access to cuda:", memory.device_index)));
  return pointer;
}

Result<void*> CudaPeerMemory::MapOtherProcess(const MemoryExport& memory) {
  const std::lock_guard lock(mutex_);
  Opened& opened = opened_[memory.ipc];
  if (opened.users == 0) {
    cudaIpcMemHandle_t handle = {};
    std::memcpy(&handle, memory.ipc.data(), sizeof handle);
    const cudaError_t error =
        cudaIpcOpenMemHandle(&opened.begin, handle, cudaIpcMemLazyEnablePeerAccess);
    if (error != cudaSuccess) {
      opened_.erase(memory.ipc);
      const Status status = CudaStatus(error, device_, "cudaIpcOpenMemHandle");
      return Status::Unavailable(StrCat(status.message(), ": memory of another process (its cuda:",
                                        memory.device_index, ") cannot be reached from here"));
    }
  }
  ++opened.users;
  void* const pointer = static_cast<std::byte*>(opened.begin) + memory.offset;
  mapped_.emplace(pointer, memory.ipc);
  return pointer;
}

void CudaPeerMemory::Unmap(void* memory) {
  const std::lock_guard lock(mutex_);
  const auto mapped = mapped_.find(memory);
  if (mapped == mapped_.end()) return;  // of this process
  const auto opened = opened_.find(mapped->second);
  mapped_.erase(mapped);
  if (--opened->second.users > 0) return;
  const CurrentDeviceGuard guard(device_);
  if (cudaIpcCloseMemHandle(opened->second.begin) != cudaSuccess) cudaGetLastError();
  opened_.erase(opened);
}

}  // namespace ronde
