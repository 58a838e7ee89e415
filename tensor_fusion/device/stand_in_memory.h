#pragma once

#include <cstddef>
#include <memory>

#include "core/base/status.h"
#include "core/device/device_buffer.h"
#include "core/device/stream.h"

namespace ronde {

/// What a rank that has joined puts into the operations of one stream: zeros to read, and room to
/// write that nobody looks at. Grows to the largest tensor and stays. Thread rule: engine-only.
class StandInMemory {
 public:
  struct Buffers {
    std::shared_ptr<DeviceBuffer> zeros;
    std::shared_ptr<DeviceBuffer> room;
  };
  /// At least `size_bytes` of each, for what `stream` is given from now on; always the same one.
  /// The buffers live as long as they are held.
  [[nodiscard]] Result<Buffers> Reserve(StreamView stream, std::size_t size_bytes);

 private:
  Buffers buffers_;
};

}  // namespace ronde
