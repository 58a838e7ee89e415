#include "core/comm/futex.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

namespace ronde {

static_assert(sizeof(std::atomic<std::uint32_t>) == sizeof(std::uint32_t));
static_assert(std::atomic<std::uint32_t>::is_always_lock_free);

void FutexWaitShared(const std::atomic<std::uint32_t>* word, std::uint32_t expected,
                     const Deadline& deadline) {
  const std::int64_t left_ns = deadline.RemainingNs();
  timespec timeout = {};
  timeout.tv_sec = left_ns / 1'000'000'000;
  timeout.tv_nsec = left_ns % 1'000'000'000;
  // Without FUTEX_PRIVATE_FLAG: the kernel finds the word by its page, whatever its address here.
  syscall(SYS_futex, word, FUTEX_WAIT, expected, left_ns == INT64_MAX ? nullptr : &timeout, nullptr,
          0);
}

void FutexWakeShared(const std::atomic<std::uint32_t>* word, int count) {
  syscall(SYS_futex, word, FUTEX_WAKE, count, nullptr, nullptr, 0);
}

}  // namespace ronde
