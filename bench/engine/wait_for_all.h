#pragma once

#include <span>

#include "core/base/status.h"
#include "core/control/handle.h"

namespace ronde::bench {

/// Waits for all of `handles` and returns the failure of the last that has one. From the last to
/// the first, so that operations that complete in order wake the caller once: where ranks have no
/// core to spare, each of its wake-ups takes one from an engine that moves data.
inline Status WaitForAll(std::span<const Handle> handles) {
  Status failure;
  for (std::size_t i = handles.size(); i-- > 0;) {
    Status status = handles[i].Wait();
    if (failure.ok()) failure = std::move(status);
  }
  return failure;
}

}  // namespace ronde::bench
