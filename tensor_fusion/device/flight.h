#pragma once

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "core/base/status.h"
#include "core/control/handle.h"
#include "core/device/event.h"

namespace ronde {

/// A batch that a stream has been given and that is not done yet: who waits for it, and what it
/// uses. A value; moved from the engine's thread to the finalizer's.
struct Flight {
  std::shared_ptr<const Event> done;
  std::vector<Handle> handles;
  /// What else may be wrong with it once `done` has happened, or while it does not: a fault that a
  /// kernel has left, a peer that is missing. Must not wait. Empty: nothing.
  std::function<Status()> check;
  /// Memory that the work uses: freed when it is done.
  std::vector<std::shared_ptr<const void>> uses;

  /// Gives up what is of the last batch but keeps the storage.
  void Clear() {
    done.reset();
    handles.clear();
    check = nullptr;
    uses.clear();
  }
};

}  // namespace ronde
