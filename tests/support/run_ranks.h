#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "core/base/strcat.h"
#include "core/comm/transports/in_process.h"

namespace ronde {

struct RunRanksOptions {
  std::vector<std::string> host_ids;  ///< one per rank; empty: all on one host
  double watchdog_s = 60;             ///< then the job is aborted and the test fails
};

/// Fails the test and aborts the job when it outlives its time; a job that does not end even then
/// (a wait that watches nothing) ends the process, so that no test ever hangs.
class RunWatchdog {
 public:
  RunWatchdog(const InProcessWorld& world, double seconds)
      : thread_([this, &world, seconds] { Watch(world, seconds); }) {}
  ~RunWatchdog() {
    {
      const std::lock_guard lock(mutex_);
      finished_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

 private:
  bool WaitFinished(double seconds) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::duration<double>(seconds),
                             [this] { return finished_; });
  }
  void Watch(const InProcessWorld& world, double seconds) {
    if (WaitFinished(seconds)) return;
    ADD_FAILURE() << "the ranks did not finish in " << seconds << " s; aborting the job";
    world.Abort(Status::Timeout("the test's watchdog ended the job"));
    if (WaitFinished(20)) return;
    std::fputs("run_ranks: a rank ignores the abort; ending the process\n", stderr);
    std::_Exit(99);
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  bool finished_ = false;
  std::thread thread_;
};

/// Runs `body(transport)` once per rank, each in its own thread, and joins them all. The body owns
/// its transport. An exception fails the test and aborts the job. EXPECT_ and ASSERT_ work inside.
inline void RunRanksOwning(int size, const std::function<void(std::unique_ptr<Transport>)>& body,
                           const RunRanksOptions& options = {}) {
  const InProcessWorld world(size, {options.host_ids});
  const RunWatchdog watchdog(world, options.watchdog_s);
  std::vector<std::thread> threads;
  for (int rank = 0; rank < size; ++rank) {
    threads.emplace_back([&world, &body, rank] {
      try {
        body(world.Connect(rank));
      } catch (const std::exception& error) {
        ADD_FAILURE() << "rank " << rank << " threw: " << error.what();
        world.Abort(Status::Aborted(StrCat("rank ", rank, ": ", error.what())));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

/// The same for bodies that only borrow the transport, which lives until the body has returned.
inline void RunRanks(int size, const std::function<void(Transport&)>& body,
                     const RunRanksOptions& options = {}) {
  RunRanksOwning(
      size, [&body](std::unique_ptr<Transport> transport) { body(*transport); }, options);
}

/// One rank per entry of `host_ids`.
inline void RunRanksOnHosts(const std::vector<std::string>& host_ids,
                            const std::function<void(Transport&)>& body) {
  RunRanks(static_cast<int>(host_ids.size()), body, {host_ids});
}

}  // namespace ronde
