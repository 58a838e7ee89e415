#include "tests/soak/episode.h"

#include <chrono>
#include <cstdio>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "core/base/config_environment.h"
#include "core/base/strcat.h"
#include "core/comm/transports/in_process.h"
#include "frontends/session/session.h"
#include "tests/soak/rank_run.h"
#include "tests/soak/watchdog.h"

namespace ronde::soak {
namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* kTimeoutS = "30";

// The first thing that went wrong in an episode; what follows from it is not printed.
class FirstFailure {
 public:
  void Report(const std::string& title, int rank, const std::string& text) {
    const std::lock_guard lock(mutex_);
    if (std::exchange(failed_, true)) return;
    std::fprintf(stderr, "soak: FAILED (%s): rank %d: %s\n", title.c_str(), rank, text.c_str());
  }
  [[nodiscard]] bool failed() const {
    const std::lock_guard lock(mutex_);
    return failed_;
  }

 private:
  mutable std::mutex mutex_;
  bool failed_ = false;  // guarded by mutex_
};

struct Rank {
  Session& session;
  const Plan& plan;
  std::uint64_t seed;
  const Features& features;
  RankState& state;
};

// Runs one rank of an episode up to, but without, its shutdown.
std::uint64_t RunRank(const Rank& rank, const std::string& title, FirstFailure* failure) {
  RankRun run(rank.session, rank.plan, rank.seed, rank.features, rank.state);
  if (const auto wrong = run.Run()) {
    failure->Report(title, rank.session.rank(), *wrong);
    rank.session.Abort(Status::Aborted(*wrong));
  }
  return run.operations();
}

void ShutDown(Session& session, RankState& state, const std::string& title, FirstFailure* failure) {
  state.Set("shuts down");
  const Status ended = session.Shutdown();
  if (!ended.ok()) failure->Report(title, session.rank(), "shutdown: " + ended.ToString());
  state.Set("has shut down");
}

// How to repeat an episode, and under which settings it runs.
std::string Title(const SoakOptions& options, int episode, int size, const Config& config) {
  std::string text = StrCat(ToText(options, episode), ": ", size, " ranks");
  for (const Setting setting : {Setting::kFusionThresholdBytes, Setting::kCycleTimeMs,
                                Setting::kResponseCacheCapacity, Setting::kLockAfter}) {
    text += StrCat(", ", SpecOf(setting).flag, " ", config.GetText(setting));
  }
  return text;
}

Config Configured(Plan* plan) {
  Config config;
  static_cast<void>(config.Set(Setting::kTimeoutS, kTimeoutS, SettingOrigin::kProgram).ok());
  plan->Configure(&config);
  return config;
}

// What the engine did to get there, as one rank of a world has seen it.
void CountLists(const Session& session, SoakCounts* counts) {
  if (session.rank() != 0) return;
  const MetricsSnapshot metrics = session.metrics();
  counts->lists += metrics.lists;
  counts->locked += metrics.locked_lists;
}

bool RunEpisode(const SoakOptions& options, int number, SoakCounts* counts) {
  const std::uint64_t seed = Mix(options.seed, static_cast<std::uint64_t>(number));
  const int size = options.ranks > 0 ? options.ranks : static_cast<int>(Random(seed).Range(2, 8));
  Plan plan(seed, size, options.features);
  const Config config = Configured(&plan);
  const std::string title = Title(options, number, size, config);
  const InProcessWorld world(size, {plan.HostIds()});
  std::deque<RankState> states(static_cast<std::size_t>(size));
  const Watchdog watchdog(states, title, options.patience_s);
  FirstFailure failure;
  std::vector<std::uint64_t> operations(static_cast<std::size_t>(size));
  std::vector<std::thread> threads;
  for (int rank = 0; rank < size; ++rank) {
    threads.emplace_back([&, rank] {
      RankState& state = states[static_cast<std::size_t>(rank)];
      auto session = Session::CreateOn(world.Connect(rank), config);
      if (!session.ok()) {
        failure.Report(title, rank, "no session: " + session.status().ToString());
        return;
      }
      operations[static_cast<std::size_t>(rank)] =
          RunRank({*session.value(), plan, seed, options.features, state}, title, &failure);
      ShutDown(*session.value(), state, title, &failure);
      CountLists(*session.value(), counts);
    });
  }
  for (std::thread& thread : threads) thread.join();
  ++counts->episodes;
  for (const std::uint64_t count : operations) counts->operations += count;
  return !failure.failed();
}

// Rank 0 says whether there is time for another episode.
bool HasTime(Session& session, const Clock::time_point& end) {
  std::int32_t more = Clock::now() < end ? 1 : 0;
  const Status status =
      session.BroadcastAsync("soak.more", {&more, DataType::kInt32, {1}}, 0).Wait();
  return status.ok() && more != 0;
}

Clock::time_point EndOf(const SoakOptions& options) {
  return Clock::now() + std::chrono::duration_cast<Clock::duration>(
                            std::chrono::duration<double>(options.seconds));
}

}  // namespace

std::string ToText(const SoakOptions& options, int episode) {
  std::string text = StrCat("--seed ", options.seed, " --episode ", episode);
  if (options.ranks > 0) text += StrCat(" --ranks ", options.ranks);
  return text;
}

bool SoakInProcess(const SoakOptions& options, SoakCounts* counts) {
  const Clock::time_point end = EndOf(options);
  for (int number = options.first_episode;
       number - options.first_episode < options.episodes && Clock::now() < end; ++number) {
    if (!RunEpisode(options, number, counts)) return false;
  }
  return true;
}

bool SoakLaunched(const SoakOptions& options, SoakCounts* counts) {
  const Clock::time_point end = EndOf(options);
  std::deque<RankState> states(1);
  const Watchdog watchdog(states, ToText(options, options.first_episode), options.patience_s);
  FirstFailure failure;
  bool more = true;
  for (int number = options.first_episode;
       more && number - options.first_episode < options.episodes; ++number) {
    const std::uint64_t seed = Mix(options.seed, static_cast<std::uint64_t>(number));
    const int size = ReadLaunchEnvironment().size;
    Plan plan(seed, size, options.features);
    const Config config = Configured(&plan);
    const std::string title = Title(options, number, size, config);
    static_cast<void>(plan.HostIds());  // the hosts are what they are
    auto session = Session::Create(config);
    if (!session.ok()) {
      failure.Report(title, ReadLaunchEnvironment().rank, session.status().ToString());
      return false;
    }
    counts->operations +=
        RunRank({*session.value(), plan, seed, options.features, states[0]}, title, &failure);
    more = !failure.failed() && HasTime(*session.value(), end);
    ShutDown(*session.value(), states[0], title, &failure);
    CountLists(*session.value(), counts);
    ++counts->episodes;
    if (failure.failed()) return false;
  }
  return true;
}

}  // namespace ronde::soak
