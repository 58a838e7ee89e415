#include "core/device/event.h"

#include "core/base/strcat.h"
#include "core/device/polling.h"

namespace ronde {

Result<Event> Event::Create(Device& device) {
  RONDE_ASSIGN_OR_RETURN(void* const native, device.CreateEvent());
  return Event(device, native);
}

Event& Event::operator=(Event&& other) noexcept {
  if (this == &other) return *this;
  Reset();
  device_ = std::exchange(other.device_, nullptr);
  native_ = std::exchange(other.native_, nullptr);
  return *this;
}

void Event::Reset() {
  if (native_ != nullptr) device_->DestroyEvent(native_);
  device_ = nullptr;
  native_ = nullptr;
}

Status Event::Wait(Deadline deadline) const {
  Polling polling;
  while (true) {
    RONDE_ASSIGN_OR_RETURN(const bool happened, Happened());
    if (happened) return Status::Ok();
    if (deadline.Expired()) {
      return Status::Timeout(StrCat(Name(device_->kind()), ":", device_->index(),
                                    ": the work before an event did not end in time"));
    }
    polling.Pause();
  }
}

struct EventPool::Storage {
  explicit Storage(Device& of) : device(of) {}
  Device& device;
  std::mutex mutex;
  std::vector<std::unique_ptr<Event>> free;
};

EventPool::EventPool(Device& device) : storage_(std::make_shared<Storage>(device)) {}

Result<std::shared_ptr<const Event>> EventPool::Record(StreamView stream) {
  std::unique_ptr<Event> event;
  {
    const std::lock_guard lock(storage_->mutex);
    if (!storage_->free.empty()) {
      event = std::move(storage_->free.back());
      storage_->free.pop_back();
    }
  }
  if (event == nullptr) {
    RONDE_ASSIGN_OR_RETURN(Event fresh, Event::Create(storage_->device));
    event = std::make_unique<Event>(std::move(fresh));
  }
  RONDE_RETURN_IF_ERROR(event->Record(stream));
  const auto give_back = [storage = storage_](Event* used) {
    std::unique_ptr<Event> owned(used);
    const std::lock_guard lock(storage->mutex);
    storage->free.push_back(std::move(owned));
  };
  return std::shared_ptr<const Event>(event.release(), give_back);
}

}  // namespace ronde
