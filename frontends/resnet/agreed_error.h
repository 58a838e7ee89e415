#pragma once

#include "core/base/status.h"

namespace ronde {

/// A failure that every rank throws, with the same status: rank 0 says it, and the engine is sound.
class AgreedError : public Error {
 public:
  using Error::Error;
};

}  // namespace ronde
