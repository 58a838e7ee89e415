// Where buffers lie, and memory that peers reach.
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "core/base/strcat.h"
#include "core/device/device.h"
#include "frontends/session/operation_check.h"
#include "frontends/session/session_parts.h"

namespace ronde {
namespace {

Request AllocationRequest(std::size_t size_bytes) {
  Request request;
  request.kind = OperationKind::kAllocate;
  request.name = "ronde.memory";
  request.dtype = DataType::kUInt8;
  request.shape = {static_cast<std::int64_t>(size_bytes)};
  return request;
}

}  // namespace

Result<std::shared_ptr<std::byte>> Session::Allocate(std::size_t size_bytes) {
  Request request = AllocationRequest(size_bytes);
  request.objection = ObjectionToMemory(size_bytes, local_size());
  const std::lock_guard lock(parts_->allocation);
  const Handle handle = parts_->engine.Enqueue(std::move(request), TensorView(), TensorView());
  RONDE_RETURN_IF_ERROR(handle.Wait());
  return handle.result().memory;
}

Result<std::shared_ptr<std::byte>> Session::AllocateOn(Device& device, std::size_t size_bytes) {
  Request request = AllocationRequest(size_bytes);
  TensorView memory;  // of which only the device is known
  memory.device = &device;
  parts_->SetMemories(memory, memory, request);
  const std::lock_guard lock(parts_->allocation);
  const Handle handle = parts_->engine.Enqueue(std::move(request), memory, memory);
  RONDE_RETURN_IF_ERROR(handle.Wait());
  return handle.result().memory;
}

const Device* Session::Parts::OwnDevice(Device* asked) {
  Device* own = device.load(std::memory_order_relaxed);
  if (own != nullptr) return own;
  return device.compare_exchange_strong(own, asked, std::memory_order_relaxed) ? asked : own;
}

void Session::Parts::SetMemories(const TensorView& input, const TensorView& output,
                                 Request& request) {
  request.on_device = input.device != nullptr;
  if (!request.objection.empty()) return;
  request.objection = ObjectionToMemories(input, output);
  if (!request.objection.empty() || !request.on_device) return;
  if (const Device* const own = OwnDevice(input.device); own != input.device) {
    request.objection = StrCat("its buffers are in ", MemoryName(input.device), ", but before it ",
                               "came with ", MemoryName(own), ", and a rank uses one device");
  }
}

void Session::Parts::SetPlaces(const TensorView& input, const TensorView& output,
                               Request& request) {
  SetMemories(input, output, request);
  // No size can be taken of what cannot be sent; the engine says why.
  if (!request.objection.empty() || !Validate(request).ok()) return;
  request.input_place = PlaceOf(input.data, input.size_bytes(), request.on_device);
  request.output_place = PlaceOf(output.data, output.size_bytes(), request.on_device);
}

}  // namespace ronde
