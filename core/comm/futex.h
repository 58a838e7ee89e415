#pragma once

#include <atomic>
#include <cstdint>

#include "core/base/clock.h"

namespace ronde {

/// Sleeps while `*word == expected`, until woken or the deadline; may also return early for no
/// reason, so callers look again. Works across processes that share the word's memory, which
/// std::atomic::wait does not: libstdc++ waits on a process-private futex.
void FutexWaitShared(const std::atomic<std::uint32_t>* word, std::uint32_t expected,
                     const Deadline& deadline);

/// Wakes up to `count` sleepers on `word`, in any process. A system call even when nobody sleeps.
void FutexWakeShared(const std::atomic<std::uint32_t>* word, int count = INT32_MAX);

}  // namespace ronde
