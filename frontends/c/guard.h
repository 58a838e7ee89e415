#pragma once

#include <exception>
#include <string>

#include "core/base/status.h"
#include "core/base/strcat.h"
#include "core/control/handle.h"
#include "frontends/c/ronde.h"

struct ronde_handle {
  ronde::Handle handle;
};

namespace ronde {

/// What ronde_last_error returns on the calling thread.
inline std::string& LastError() {
  thread_local std::string message;
  return message;
}

inline ronde_status Report(const Status& status) {
  if (!status.ok()) LastError() = status.message();
  return static_cast<ronde_status>(status.code());
}

/// Runs `body`, which returns a Status; nothing escapes through the C boundary.
template <typename Body>
ronde_status Guard(const Body& body) noexcept {
  try {
    return Report(body());
  } catch (const std::exception& error) {
    try {
      LastError() = error.what();
    } catch (...) {
      LastError().clear();  // out of memory even for the text
    }
  } catch (...) {
    LastError().clear();
  }
  return RONDE_INTERNAL;
}

inline Status NeedPointer(const void* pointer, const char* what) {
  return pointer != nullptr ? Status::Ok()
                            : Status::InvalidArgument(StrCat("argument ", what, " is null"));
}

}  // namespace ronde
