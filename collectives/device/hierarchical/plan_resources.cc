#include "collectives/device/hierarchical/plan_resources.h"

#include <utility>

namespace ronde {
namespace {

// How long copies may take that have nothing to wait for.
constexpr double kEndS = 5;

}  // namespace

Result<std::unique_ptr<PlanResources>> PlanResources::Create(Device& device, StreamView compute) {
  std::unique_ptr<PlanResources> made(new PlanResources(device, compute));
  RONDE_ASSIGN_OR_RETURN(made->copy_out_, Stream::Create(device, StreamPriority::kHigh));
  RONDE_ASSIGN_OR_RETURN(made->copy_in_, Stream::Create(device, StreamPriority::kHigh));
  made->streams_[static_cast<std::size_t>(PlanEngine::kCopyOut)] = made->copy_out_.view();
  made->streams_[static_cast<std::size_t>(PlanEngine::kCopyIn)] = made->copy_in_.view();
  return made;
}

PlanResources::~PlanResources() {
  bool ended = true;
  // The channel's stream, too: it may still work in the room. The context aborts it first.
  for (const StreamView& stream : streams_) {
    if (stream.device == nullptr) continue;
    const Status status = device_->Synchronize(stream.native, Deadline::After(kEndS));
    ended = ended && status.code() != StatusCode::kTimeout;
  }
  if (ended) return;
  new DeviceBuffer(std::move(pinned_));
  new DeviceBuffer(std::move(room_));
}

Status PlanResources::Reserve(const DevicePlan& plan, const Deadline& deadline) {
  const std::size_t size_bytes = plan.slot_bytes * static_cast<std::size_t>(plan.slots);
  const bool pinned = plan.slot_space == PlanSpace::kPinned;
  DeviceBuffer& buffer = pinned ? pinned_ : room_;
  if (buffer.size_bytes() >= size_bytes) return Status::Ok();
  if (slots_free != nullptr) RONDE_RETURN_IF_ERROR(slots_free->Wait(deadline));
  slots_free = nullptr;
  buffer.Reset();
  RONDE_ASSIGN_OR_RETURN(buffer, DeviceBuffer::Create(*device_, size_bytes,
                                                      pinned ? DeviceBuffer::Place::kPinned
                                                             : DeviceBuffer::Place::kDevice));
  return Status::Ok();
}

}  // namespace ronde
