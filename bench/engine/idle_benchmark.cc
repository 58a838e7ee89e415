#include "bench/engine/idle_benchmark.h"

#include <sys/resource.h>

#include <chrono>
#include <thread>
#include <utility>

#include "core/base/clock.h"

namespace ronde::bench {
namespace {

constexpr int kBurst = 200;
constexpr char kBurstName[] = "idle.burst";

// Who asks for which tensor while the others do not; nobody where the name is empty.
struct Situation {
  const char* description;
  const char* name;
  bool last_rank;  // asks; else rank 0
};
constexpr Situation kSituations[] = {
    {"idle", "", false},
    {"rank 0 waits for a new tensor", "idle.new", false},
    {"last rank waits for a new tensor", "idle.new", true},
    {"rank 0 waits for a tensor that came before", kBurstName, false},
    {"last rank waits for a tensor that came before", kBurstName, true},
};

// This rank's figures of one situation.
struct Usage {
  double cpu_percent = 0;
  double switches_per_s = 0;
};

class IdleRank {
 public:
  IdleRank(Session& session, double seconds)
      : session_(session),
        seconds_(seconds),
        view_(values_.data(), DataType::kFloat32, {static_cast<std::int64_t>(values_.size())}) {}

  Result<Usage> Measure(const Situation& situation) {
    for (int i = 0; i < kBurst; ++i) RONDE_RETURN_IF_ERROR(Ask(kBurstName).Wait());
    if (situation.name[0] == '\0') return Sleep();
    if (session_.rank() == (situation.last_rank ? session_.size() - 1 : 0)) {
      const Handle handle = Ask(situation.name);
      const Usage usage = Sleep();
      RONDE_RETURN_IF_ERROR(handle.Wait());
      return usage;
    }
    const Usage usage = Sleep();
    RONDE_RETURN_IF_ERROR(Ask(situation.name).Wait());
    return usage;
  }

 private:
  Handle Ask(const char* name) { return session_.AllreduceAsync(name, view_, view_); }

  // The sleep is what is measured.
  [[nodiscard]] Usage Sleep() const {
    const SteadyClock clock;
    const ProcessUsage before = UsageOfThisProcess();
    const std::int64_t begin_ns = clock.NowNs();
    std::this_thread::sleep_for(std::chrono::duration<double>(seconds_));
    const double elapsed_s = static_cast<double>(clock.NowNs() - begin_ns) * 1e-9;
    const ProcessUsage after = UsageOfThisProcess();
    return {100 * (after.cpu_s - before.cpu_s) / elapsed_s,
            (after.context_switches - before.context_switches) / elapsed_s};
  }

  Session& session_;
  const double seconds_;
  std::vector<float> values_ = std::vector<float>(1024);
  const TensorView view_;
};

Status Gather(DirectRunner& direct, double mine, std::vector<double>& ranks) {
  ranks.assign(static_cast<std::size_t>(direct.size()), 0);
  ranks[static_cast<std::size_t>(direct.rank())] = mine;
  return direct.Sum(ranks);
}

}  // namespace

ProcessUsage UsageOfThisProcess() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return {seconds(usage.ru_utime) + seconds(usage.ru_stime),
          static_cast<double>(usage.ru_nvcsw + usage.ru_nivcsw)};
}

Status MeasureIdle(const IdleOptions& options, const Config& config, DirectRunner& direct,
                   const IdleSessionMaker& make_session,
                   const std::function<void(const IdleRow&)>& sink) {
  for (const Situation& situation : kSituations) {
    const bool somebody_waits = situation.name[0] != '\0';
    if (somebody_waits && direct.size() == 1) break;  // for whom?
    Usage usage;
    {
      RONDE_ASSIGN_OR_RETURN(const std::unique_ptr<Session> session, make_session(config));
      IdleRank rank(*session, options.seconds);
      RONDE_ASSIGN_OR_RETURN(usage, rank.Measure(situation));
    }
    IdleRow row;
    row.situation = situation.description;
    row.seconds = options.seconds;
    RONDE_RETURN_IF_ERROR(Gather(direct, usage.cpu_percent, row.cpu_percent));
    RONDE_RETURN_IF_ERROR(Gather(direct, usage.switches_per_s, row.switches_per_s));
    sink(row);
  }
  return Status::Ok();
}

}  // namespace ronde::bench
