#include "core/comm/futex.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <new>
#include <thread>

#include <gtest/gtest.h>

namespace ronde {
namespace {

double SecondsFor(const std::function<void()>& body) {
  const std::int64_t start_ns = SteadyClock().NowNs();
  body();
  return static_cast<double>(SteadyClock().NowNs() - start_ns) * 1e-9;
}

TEST(Futex, ReturnsAtOnceWhenTheWordHasChanged) {
  std::atomic<std::uint32_t> word{1};
  EXPECT_LT(SecondsFor([&] { FutexWaitShared(&word, 0, Deadline::After(10)); }), 5);
}

TEST(Futex, ReturnsAtTheDeadline) {
  std::atomic<std::uint32_t> word{0};
  const double waited = SecondsFor([&] {
    const Deadline deadline = Deadline::After(0.05);
    while (!deadline.Expired()) FutexWaitShared(&word, 0, deadline);
  });
  EXPECT_GE(waited, 0.05);
  EXPECT_LT(waited, 5);
}

TEST(Futex, WakesAThread) {
  std::atomic<std::uint32_t> word{0};
  std::thread waker([&] {
    word.store(1);
    FutexWakeShared(&word);
  });
  while (word.load() == 0) FutexWaitShared(&word, 0, Deadline::Never());
  waker.join();
}

// Two processes hand a token back and forth: with a process-private futex neither would ever wake.
TEST(Futex, WakesAnotherProcess) {
  constexpr std::uint32_t kTurns = 2000;
  void* page = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(page, MAP_FAILED);
  auto* turn = new (page) std::atomic<std::uint32_t>(0);
  const auto play = [turn](std::uint32_t parity) {
    const Deadline deadline = Deadline::After(30);
    while (true) {
      const std::uint32_t now = turn->load();
      if (now >= kTurns) return true;
      if (deadline.Expired()) return false;
      if (now % 2 != parity) {
        FutexWaitShared(turn, now, deadline);
        continue;
      }
      turn->store(now + 1);
      FutexWakeShared(turn);
    }
  };
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) _exit(play(1) ? 0 : 1);
  EXPECT_TRUE(play(0));
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  EXPECT_EQ(turn->load(), kTurns);
  munmap(page, 4096);
}

}  // namespace
}  // namespace ronde
