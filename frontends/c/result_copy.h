#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "core/base/status.h"
#include "core/base/strcat.h"
#include "core/control/handle.h"
#include "frontends/c/guard.h"

namespace ronde {

/// Into an array of `capacity` values. Error: kInvalidArgument where it is too small.
inline Status CopyOut(const std::vector<std::int64_t>& values, std::int64_t* output, int capacity) {
  RONDE_RETURN_IF_ERROR(NeedPointer(output, "output array"));
  if (capacity < 0 || static_cast<std::size_t>(capacity) < values.size()) {
    return Status::InvalidArgument(
        StrCat("the array has room for ", capacity, " values, ", values.size(), " are needed"));
  }
  std::copy(values.begin(), values.end(), output);
  return Status::Ok();
}

/// The gathered tensor, into `capacity_bytes`. Error: kInvalidArgument where that is too small.
inline Status CopyGathered(const OperationResult& result, void* output,
                           std::size_t capacity_bytes) {
  const std::size_t size_bytes = result.gathered.size();
  if (capacity_bytes < size_bytes || (output == nullptr && size_bytes > 0)) {
    return Status::InvalidArgument(
        StrCat("the buffer has room for ", capacity_bytes, " bytes, ", size_bytes, " are needed"));
  }
  if (size_bytes > 0) std::memcpy(output, result.gathered.data(), size_bytes);
  return Status::Ok();
}

}  // namespace ronde
