#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "core/base/status.h"
#include "core/base/strcat.h"
#include "core/control/handle.h"
#include "frontends/c/guard.h"

namespace ronde {

/// Into an array of `capacity` values. Error: kInvalidArgument where it is too small.
template <typename Value>
Status CopyOut(const std::vector<Value>& values, Value* output, int capacity) {
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

/// A text and a final 0, into `capacity` bytes; `needed`, unless null, is how many that takes,
/// which is all that is done for null and 0. Error: kInvalidArgument where the buffer is too small.
inline Status CopyText(const std::string& text, char* buffer, std::size_t capacity,
                       std::size_t* needed) {
  const std::size_t size_bytes = text.size() + 1;
  if (needed != nullptr) *needed = size_bytes;
  if (buffer == nullptr && capacity == 0) return Status::Ok();
  RONDE_RETURN_IF_ERROR(NeedPointer(buffer, "buffer"));
  if (capacity < size_bytes) {
    return Status::InvalidArgument(
        StrCat("the buffer has room for ", capacity, " bytes, ", size_bytes, " are needed"));
  }
  std::memcpy(buffer, text.c_str(), size_bytes);
  return Status::Ok();
}

}  // namespace ronde
