#include "core/device/device_cuda.h"

#include <utility>

#include <cuda_runtime_api.h>

#include "core/base/strcat.h"
#include "core/device/polling.h"
#include "core/device/status_cuda.h"

namespace ronde {
namespace {

cudaStream_t StreamOf(void* native) { return static_cast<cudaStream_t>(native); }
cudaEvent_t EventOf(void* native) { return static_cast<cudaEvent_t>(native); }

// For calls whose failure nobody could do anything about.
void Ignore(cudaError_t error) {
  if (error != cudaSuccess) cudaGetLastError();
}

Status OutOfMemory(cudaError_t error, int device, const char* call, std::size_t size_bytes) {
  const Status status = CudaStatus(error, device, StrCat(call, " of ", size_bytes, " bytes"));
  std::size_t free_bytes = 0;
  std::size_t total_bytes = 0;
  if (cudaMemGetInfo(&free_bytes, &total_bytes) != cudaSuccess) {
    cudaGetLastError();
    return status;
  }
  return {status.code(), StrCat(status.message(), ": ", free_bytes, " of ", total_bytes,
                                " bytes of the device are free")};
}

}  // namespace

CudaDevice::CudaDevice(DeviceInfo info, int concurrent_blocks)
    : info_(std::move(info)), concurrent_blocks_(concurrent_blocks), peers_(info_.index) {}

Result<void*> CudaDevice::Allocate(std::size_t size_bytes) {
  const CurrentDeviceGuard guard(index());
  void* memory = nullptr;
  const cudaError_t error = cudaMalloc(&memory, size_bytes);
  if (error != cudaSuccess) return OutOfMemory(error, index(), "cudaMalloc", size_bytes);
  return memory;
}

void CudaDevice::Free(void* memory) {
  const CurrentDeviceGuard guard(index());
  Ignore(cudaFree(memory));
}

Result<void*> CudaDevice::AllocatePinned(std::size_t size_bytes) {
  const CurrentDeviceGuard guard(index());
  void* memory = nullptr;
  // Portable: pinned for every device of the process, not for the current one alone.
  const cudaError_t error =
      cudaHostAlloc(&memory, size_bytes, cudaHostAllocPortable | cudaHostAllocMapped);
  if (error != cudaSuccess) return OutOfMemory(error, index(), "cudaHostAlloc", size_bytes);
  return memory;
}

void CudaDevice::FreePinned(void* memory) {
  const CurrentDeviceGuard guard(index());
  Ignore(cudaFreeHost(memory));
}

bool CudaDevice::Owns(const void* memory) const {
  cudaPointerAttributes attributes = {};
  if (cudaPointerGetAttributes(&attributes, memory) != cudaSuccess) {
    cudaGetLastError();
    return false;
  }
  return attributes.type == cudaMemoryTypeDevice && attributes.device == index();
}

Result<void*> CudaDevice::CreateStream(StreamPriority priority) {
  const CurrentDeviceGuard guard(index());
  int least = 0;
  int greatest = 0;
  RONDE_RETURN_IF_ERROR(CudaStatus(cudaDeviceGetStreamPriorityRange(&least, &greatest), index(),
                                   "cudaDeviceGetStreamPriorityRange"));
  cudaStream_t stream = nullptr;
  RONDE_RETURN_IF_ERROR(
      CudaStatus(cudaStreamCreateWithPriority(&stream, cudaStreamNonBlocking,
                                              priority == StreamPriority::kHigh ? greatest : least),
                 index(), "cudaStreamCreateWithPriority"));
  return static_cast<void*>(stream);
}

void CudaDevice::DestroyStream(void* stream) {
  const CurrentDeviceGuard guard(index());
  Ignore(cudaStreamDestroy(StreamOf(stream)));
}

Result<void*> CudaDevice::CreateEvent() {
  const CurrentDeviceGuard guard(index());
  cudaEvent_t event = nullptr;
  // Taking the time would make every wait for it dearer.
  RONDE_RETURN_IF_ERROR(CudaStatus(cudaEventCreateWithFlags(&event, cudaEventDisableTiming),
                                   index(), "cudaEventCreateWithFlags"));
  return static_cast<void*>(event);
}

void CudaDevice::DestroyEvent(void* event) {
  const CurrentDeviceGuard guard(index());
  Ignore(cudaEventDestroy(EventOf(event)));
}

Status CudaDevice::Record(void* event, void* stream) {
  const CurrentDeviceGuard guard(index());
  return CudaStatus(cudaEventRecord(EventOf(event), StreamOf(stream)), index(), "cudaEventRecord");
}

Status CudaDevice::WaitFor(void* stream, void* event) {
  const CurrentDeviceGuard guard(index());
  return CudaStatus(cudaStreamWaitEvent(StreamOf(stream), EventOf(event), 0), index(),
                    "cudaStreamWaitEvent");
}

Result<bool> CudaDevice::Happened(void* event) {
  const CurrentDeviceGuard guard(index());
  const cudaError_t error = cudaEventQuery(EventOf(event));
  if (error == cudaErrorNotReady) {
    cudaGetLastError();
    return false;
  }
  RONDE_RETURN_IF_ERROR(CudaStatus(error, index(), "work before an event"));
  return true;
}

Status CudaDevice::Copy(void* target, const void* source, std::size_t size_bytes, void* stream) {
  if (size_bytes == 0) return Status::Ok();
  const CurrentDeviceGuard guard(index());
  return CudaStatus(
      cudaMemcpyAsync(target, source, size_bytes, cudaMemcpyDefault, StreamOf(stream)), index(),
      "cudaMemcpyAsync");
}

Status CudaDevice::FillZero(void* target, std::size_t size_bytes, void* stream) {
  if (size_bytes == 0) return Status::Ok();
  const CurrentDeviceGuard guard(index());
  return CudaStatus(cudaMemsetAsync(target, 0, size_bytes, StreamOf(stream)), index(),
                    "cudaMemsetAsync");
}

Status CudaDevice::Synchronize(void* stream, Deadline deadline) {
  const CurrentDeviceGuard guard(index());
  Polling polling;  // cudaStreamSynchronize has no deadline
  while (true) {
    const cudaError_t error = cudaStreamQuery(StreamOf(stream));
    if (error != cudaErrorNotReady) return CudaStatus(error, index(), "work of a stream");
    cudaGetLastError();
    if (deadline.Expired()) {
      return Status::Timeout(
          StrCat("cuda:", index(), ": the work of a stream did not end in time"));
    }
    polling.Pause();
  }
}

}  // namespace ronde
