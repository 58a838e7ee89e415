#pragma once

#include <cstddef>
#include <cstdint>

namespace ronde::bench {

/// Drops `data` from every cache of the machine, written-back.
void EvictFromCache(const void* data, std::size_t size_bytes);

/// Reads all of `data`, as whoever uses a result does; the value keeps the compiler from skipping
/// it.
std::uint64_t ReadAll(const void* data, std::size_t size_bytes);

}  // namespace ronde::bench
