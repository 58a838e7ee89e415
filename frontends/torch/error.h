#pragma once

#include "core/base/status.h"

namespace ronde {

/// The libtorch API's border between Status and exceptions: throws Error unless `status` is kOk.
inline void ThrowIfError(const Status& status) {
  if (!status.ok()) throw Error(status);
}

}  // namespace ronde
