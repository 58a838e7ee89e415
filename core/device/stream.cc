#include "core/device/stream.h"

namespace ronde {

Result<Stream> Stream::Create(Device& device, StreamPriority priority) {
  RONDE_ASSIGN_OR_RETURN(void* const native, device.CreateStream(priority));
  return Stream(StreamView{&device, native});
}

Stream& Stream::operator=(Stream&& other) noexcept {
  if (this == &other) return *this;
  Reset();
  view_ = std::exchange(other.view_, {});
  return *this;
}

void Stream::Reset() {
  if (view_.native != nullptr) view_.device->DestroyStream(view_.native);
  view_ = {};
}

}  // namespace ronde
