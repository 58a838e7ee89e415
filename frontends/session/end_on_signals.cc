#include "frontends/session/end_on_signals.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <mutex>
#include <string>
#include <thread>

#include "frontends/session/session_slot.h"

namespace ronde {
namespace {

constexpr int kSignalBase = 128;  // of exit codes
constexpr std::int64_t kSameSignalNs = 500'000'000;

// A handler has no argument of ours. Relaxed: nothing else is published with them.
std::atomic<int> ending_signal{0};
std::atomic<std::int64_t> ending_since_ns{0};
std::atomic<int> wake_fd{-1};
static_assert(std::atomic<int>::is_always_lock_free &&
                  std::atomic<std::int64_t>::is_always_lock_free,
              "a signal handler must not lock");

std::int64_t NowNs() {
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * std::int64_t{1'000'000'000} + now.tv_nsec;
}

// Only calls that are safe in a handler: the thread below does the rest.
void OnSignal(int signal) {
  const int error = errno;
  int none = 0;
  if (ending_signal.compare_exchange_strong(none, signal, std::memory_order_relaxed)) {
    ending_since_ns.store(NowNs(), std::memory_order_relaxed);
    const char byte = 0;
    if (write(wake_fd.load(std::memory_order_relaxed), &byte, 1) != 1) _exit(kSignalBase + signal);
  } else if (const std::int64_t since_ns = ending_since_ns.load(std::memory_order_relaxed);
             since_ns != 0 && NowNs() - since_ns > kSameSignalNs) {
    // Not the same one, which a launcher may send along several ways.
    _exit(kSignalBase + none);
  }
  errno = error;
}

void Install(int signal) {
  struct sigaction before = {};
  if (sigaction(signal, nullptr, &before) != 0) return;
  const bool is_default = (before.sa_flags & SA_SIGINFO) == 0 && before.sa_handler == SIG_DFL;
  if (!is_default) return;
  struct sigaction action = {};
  action.sa_handler = OnSignal;
  action.sa_flags = SA_RESTART;
  sigaction(signal, &action, nullptr);
}

void AwaitSignal(int read_fd) {
  char byte = 0;
  while (read(read_fd, &byte, 1) < 0 && errno == EINTR) {
  }
  const int signal = ending_signal.load(std::memory_order_relaxed);
  EndCurrentJob(std::string("ended by ") + (signal == SIGINT ? "SIGINT" : "SIGTERM"));
  // Not exit(): the program's threads still run, and would lose what they stand on.
  _exit(kSignalBase + signal);
}

}  // namespace

void EndOnSignals() {
  static std::once_flag once;
  std::call_once(once, [] {
    std::array<int, 2> pipe_ends = {};
    if (pipe2(pipe_ends.data(), O_CLOEXEC) != 0) return;  // the signals keep their default action
    wake_fd.store(pipe_ends[1], std::memory_order_relaxed);
    std::thread(AwaitSignal, pipe_ends[0]).detach();
    for (const int signal : {SIGTERM, SIGINT}) Install(signal);
  });
}

void FinishEndBySignal() {
  const int signal = ending_signal.load(std::memory_order_relaxed);
  if (signal == 0) return;
  std::fflush(nullptr);
  _exit(kSignalBase + signal);
}

}  // namespace ronde
