#include "frontends/resnet/signals.h"

#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdint>
#include <ctime>
#include <initializer_list>

namespace ronde {
namespace {

constexpr std::int64_t kSameSignalNs = 500'000'000;

// A handler has no argument of ours. Relaxed: nothing else is published with them.
std::atomic<int> requested_stop = 0;
std::atomic<std::int64_t> requested_at_ns = 0;
static_assert(std::atomic<int>::is_always_lock_free &&
                  std::atomic<std::int64_t>::is_always_lock_free,
              "a signal handler must not lock");

std::int64_t NowNs() {
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * std::int64_t{1'000'000'000} + now.tv_nsec;
}

// Nothing may wait here: a collective may be in flight that will never end. Memory shared with
// other ranks has no name, so nothing is left behind.
void Exit(int signal) { _exit(128 + signal); }

void Note(int signal) {
  int none = 0;
  const std::int64_t now_ns = NowNs();
  if (requested_stop.compare_exchange_strong(none, signal, std::memory_order_relaxed)) {
    requested_at_ns.store(now_ns, std::memory_order_relaxed);
    return;
  }
  const std::int64_t first_ns = requested_at_ns.load(std::memory_order_relaxed);
  if (first_ns != 0 && now_ns - first_ns > kSameSignalNs) Exit(signal);
}

void Install(void (*handler)(int)) {
  struct sigaction action = {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaction(signal, &action, nullptr);
}

}  // namespace

void ExitOnSignals() { Install(&Exit); }

void StopOnSignals() { Install(&Note); }

int RequestedStop() { return requested_stop.load(std::memory_order_relaxed); }

const char* SignalName(int signal) {
  switch (signal) {
    case SIGINT:
      return "SIGINT";
    case SIGTERM:
      return "SIGTERM";
    case SIGHUP:
      return "SIGHUP";
    default:
      return "a signal";
  }
}

}  // namespace ronde
