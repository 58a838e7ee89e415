#include "frontends/resnet/data/device_prefetch.h"

#include <utility>

namespace ronde {
namespace {

constexpr std::size_t kAlignment = 256;
// A copy of gigabytes takes a tenth of a second: longer is a device that has stopped.
constexpr double kLongestCopyS = 60;

}  // namespace

Result<std::unique_ptr<DevicePrefetch>> DevicePrefetch::Create(Device& device, BatchLoader& loader,
                                                               std::int64_t batch_size,
                                                               std::int64_t pixels) {
  const std::size_t pixel_bytes = static_cast<std::size_t>(batch_size * pixels) * sizeof(float);
  const std::size_t label_offset = (pixel_bytes + kAlignment - 1) / kAlignment * kAlignment;
  const std::size_t label_bytes = static_cast<std::size_t>(batch_size) * sizeof(std::int64_t);
  std::unique_ptr<DevicePrefetch> made(new DevicePrefetch(loader, label_offset));
  RONDE_ASSIGN_OR_RETURN(made->stream_, Stream::Create(device, StreamPriority::kHigh));
  for (Slot& slot : made->slots_) {
    RONDE_ASSIGN_OR_RETURN(slot.memory, DeviceBuffer::Create(device, label_offset + label_bytes));
    RONDE_ASSIGN_OR_RETURN(slot.arrived, Event::Create(device));
    RONDE_ASSIGN_OR_RETURN(slot.used, Event::Create(device));
  }
  return made;
}

// The loader's memory and ours must not go while somebody reads them.
DevicePrefetch::~DevicePrefetch() {
  static_cast<void>(WaitForCopy());
  if (given_ == 0 || !LastGiven().used.Record(consumer_).ok()) return;
  static_cast<void>(LastGiven().used.Wait(Deadline::After(kLongestCopyS)));
}

Status DevicePrefetch::WaitForCopy() {
  if (started_ == 0) return Status::Ok();
  return slots_[static_cast<std::size_t>((started_ - 1) % 2)].arrived.Wait(
      Deadline::After(kLongestCopyS));
}

Status DevicePrefetch::Prefetch() {
  if (at_end_ || started_ > given_) return Status::Ok();
  RONDE_RETURN_IF_ERROR(WaitForCopy());
  const Batch* const loaded = loader_.Next();
  if (loaded == nullptr) {
    at_end_ = true;
    return Status::Ok();
  }
  Slot& slot = slots_[static_cast<std::size_t>(started_ % 2)];
  if (slot.was_used) RONDE_RETURN_IF_ERROR(slot.used.HoldUp(stream_.view()));
  std::byte* const labels = slot.memory.data() + label_offset_;
  slot.batch = {loaded->count, reinterpret_cast<float*>(slot.memory.data()),
                reinterpret_cast<std::int64_t*>(labels)};
  Device& device = stream_.device();
  RONDE_RETURN_IF_ERROR(device.Copy(slot.memory.data(), loaded->pixels.data(),
                                    loaded->pixels.size() * sizeof(float), stream_.view().native));
  RONDE_RETURN_IF_ERROR(device.Copy(labels, loaded->labels.data(),
                                    loaded->labels.size() * sizeof(std::int64_t),
                                    stream_.view().native));
  RONDE_RETURN_IF_ERROR(slot.arrived.Record(stream_.view()));
  ++started_;
  return Status::Ok();
}

Result<const DeviceBatch*> DevicePrefetch::Next(StreamView consumer) {
  if (given_ > 0) {
    RONDE_RETURN_IF_ERROR(LastGiven().used.Record(consumer));
    LastGiven().was_used = true;
  }
  consumer_ = consumer;
  RONDE_RETURN_IF_ERROR(Prefetch());
  if (started_ == given_) return static_cast<const DeviceBatch*>(nullptr);
  Slot& slot = slots_[static_cast<std::size_t>(given_++ % 2)];
  RONDE_RETURN_IF_ERROR(slot.arrived.HoldUp(consumer));
  return static_cast<const DeviceBatch*>(&slot.batch);
}

}  // namespace ronde
