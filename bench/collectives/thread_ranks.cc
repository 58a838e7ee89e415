#include "bench/collectives/thread_ranks.h"

#include <mutex>
#include <thread>
#include <vector>

#include "bench/collectives/session_worlds.h"

namespace ronde::bench {
namespace {

class ThreadRanks {
 public:
  ThreadRanks(int ranks, const Config& config) : world_(ranks), sessions_(ranks), config_(config) {}

  Status Run(const std::function<Status(DirectRunner&, const SessionMaker&)>& body) {
    std::vector<std::thread> threads;
    for (int rank = 0; rank < world_.size(); ++rank) {
      threads.emplace_back([this, rank, &body] { RunRank(rank, body); });
    }
    for (std::thread& thread : threads) thread.join();
    return failure_;
  }

 private:
  void RunRank(int rank, const std::function<Status(DirectRunner&, const SessionMaker&)>& body) {
    auto direct = DirectRunner::CreateOn(world_.Connect(rank), config_);
    if (!direct.ok()) return Fail(direct.status());
    std::size_t session = 0;
    const Status status = body(*direct.value(), [&](const Config& config) {
      return Session::CreateOn(sessions_.Connect(session++, rank), config);
    });
    if (!status.ok()) Fail(status);
  }

  void Fail(const Status& status) {
    {
      const std::lock_guard lock(mutex_);
      if (failure_.ok()) failure_ = status;
    }
    world_.Abort(status);
  }

  InProcessWorld world_;
  SessionWorlds sessions_;
  const Config& config_;
  std::mutex mutex_;
  Status failure_;  // guarded by mutex_
};

}  // namespace

Status RunAsThreads(int ranks, const Config& config,
                    const std::function<Status(DirectRunner&, const SessionMaker&)>& body) {
  return ThreadRanks(ranks, config).Run(body);
}

}  // namespace ronde::bench
