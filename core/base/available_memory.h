#pragma once

#include <cstdint>

namespace ronde {

/// What the kernel thinks can be allocated on this host without swapping; UINT64_MAX where it does
/// not say. A control group's limit can be lower still. To be asked before much is allocated:
/// memory is granted freely and taken back by killing processes. Thread-safe; tens of microseconds.
[[nodiscard]] std::uint64_t AvailableMemoryBytes();

}  // namespace ronde
