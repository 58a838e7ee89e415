#pragma once

#include <cstddef>

namespace ronde {

/// Copies past the cache, but for partial lines at the ends: for a destination that will not be in
/// the cache anyway, whose lines would be fetched only to be overwritten. EndStream() must come
/// before whatever tells others of the data. The buffers must not overlap.
void StreamCopy(std::byte* to, const std::byte* from, std::size_t size_bytes);

/// Orders streamed stores before all later ones: nothing else does.
void EndStream();

/// StreamCopy or memcpy.
void CopyBytes(std::byte* to, const std::byte* from, std::size_t size_bytes, bool streams);

}  // namespace ronde
