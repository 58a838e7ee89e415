#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "core/base/status.h"
#include "core/base/strcat.h"
#include "frontends/c/ronde.h"
#include "frontends/c/start.h"
#include "frontends/session/session.h"

namespace ronde {

// Structures that grow: a caller says in struct_size which fields it knows. Fields that are added
// later must mean by 0 what happens without them, so that a newer program that leaves them alone
// runs with this library.

/// Sizes beyond this are no sizes, but memory that nobody has initialised.
inline constexpr std::size_t kLargestStruct = 4096;

inline Status CheckStructSize(std::size_t struct_size, std::size_t first_version, const char* type,
                              const char* init) {
  if (struct_size >= first_version && struct_size <= kLargestStruct) return Status::Ok();
  return Status::InvalidArgument(
      StrCat(type, ".struct_size is ", struct_size, "; begin with ", init));
}

/// What `options` asks for; null is RONDE_OPTIONS_INIT.
/// Errors: kInvalidArgument (no size), kUnavailable (fields of a later version that are in use).
inline Result<AllreduceOptions> ReadOptions(const ronde_options* options) {
  ronde_options known = RONDE_OPTIONS_INIT;
  if (options != nullptr) {
    const std::size_t size = options->struct_size;
    RONDE_RETURN_IF_ERROR(
        CheckStructSize(size, sizeof(ronde_options), "ronde_options", "RONDE_OPTIONS_INIT"));
    const auto* const bytes = reinterpret_cast<const unsigned char*>(options);
    if (std::any_of(bytes + sizeof(known), bytes + std::max(size, sizeof(known)),
                    [](unsigned char byte) { return byte != 0; })) {
      return Status::Unavailable(
          StrCat("ronde_options has fields that Ronde ", ronde_version(), " does not know"));
    }
    std::memcpy(&known, options, std::min(size, sizeof(known)));
  }
  return AllreduceOptions{ToReduceOp(known.op), known.prescale, known.postscale, known.process_set};
}

}  // namespace ronde
