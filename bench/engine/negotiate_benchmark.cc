#include "bench/engine/negotiate_benchmark.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "bench/engine/control_cycles.h"
#include "core/comm/transports/in_process.h"

namespace ronde::bench {
namespace {

// Modes take turns in this many rounds, each on new engines.
constexpr int kRounds = 3;

// What all ranks together have measured in one turn, times in nanoseconds.
struct WorldCycles {
  std::vector<double> begin_ns;   // the first rank's
  std::vector<double> end_ns;     // the last rank's
  std::vector<double> submit_ns;  // how long the slowest rank has submitted
  double posts_most = 0;
  double posts_sum = 0;
  double bytes_most = 0;
  double sends_most = 0;
  double words_most = 0;
};

using TurnRunner = std::function<Result<WorldCycles>(const Config&, const CyclePlan&)>;

Result<NegotiateRow> MeasureRow(const NegotiateOptions& options, const Config& config, int ranks,
                                int tensors, const TurnRunner& run) {
  NegotiateRow row;
  row.ranks = ranks;
  row.tensors = tensors;
  row.cycles = options.cycles;
  row.order = options.order;
  std::vector<std::vector<double>> samples(options.modes.size());
  std::vector<std::vector<double>> submits(options.modes.size());
  for (const ControlMode mode : options.modes) row.figures.emplace_back().mode = mode;
  const int rounds = std::min(kRounds, options.cycles);
  for (int round = 0; round < rounds; ++round) {
    CyclePlan plan = {.tensors = tensors, .order = options.order};
    plan.cycles = options.cycles * (round + 1) / rounds - options.cycles * round / rounds;
    for (std::size_t i = 0; i < options.modes.size(); ++i) {
      RONDE_ASSIGN_OR_RETURN(const Config of_mode, WithMode(config, options.modes[i]));
      plan.warmup_cycles = options.warmup_cycles + IterationsToSettle(of_mode);
      RONDE_ASSIGN_OR_RETURN(const WorldCycles world, run(of_mode, plan));
      for (std::size_t k = 0; k < world.begin_ns.size(); ++k) {
        samples[i].push_back((world.end_ns[k] - world.begin_ns[k]) / 1e3);
        submits[i].push_back(world.submit_ns[k] / 1e3);
      }
      NegotiateFigures& figures = row.figures[i];
      figures.messages_most += world.posts_most / options.cycles;
      figures.messages_mean += world.posts_sum / ranks / options.cycles;
      figures.bytes_most += world.bytes_most / options.cycles;
      figures.data_messages_most += world.sends_most / options.cycles;
      figures.board_words_most += world.words_most / options.cycles;
    }
  }
  for (std::size_t i = 0; i < samples.size(); ++i) {
    row.figures[i].timing = Summarize(std::move(samples[i]));
    row.figures[i].submit_us = Summarize(std::move(submits[i])).p50_us;
  }
  return row;
}

Result<WorldCycles> Merge(const std::vector<Result<RankCycles>>& ranks) {
  WorldCycles world;
  for (const Result<RankCycles>& rank : ranks) {
    RONDE_RETURN_IF_ERROR(rank.status());
    const RankCycles& cycles = rank.value();
    const std::size_t count = cycles.begin_ns.size();
    if (world.begin_ns.empty()) {
      world.begin_ns.assign(cycles.begin_ns.begin(), cycles.begin_ns.end());
      world.end_ns.assign(cycles.end_ns.begin(), cycles.end_ns.end());
      world.submit_ns.assign(count, 0);
    }
    for (std::size_t i = 0; i < count; ++i) {
      world.begin_ns[i] = std::min(world.begin_ns[i], static_cast<double>(cycles.begin_ns[i]));
      world.end_ns[i] = std::max(world.end_ns[i], static_cast<double>(cycles.end_ns[i]));
      world.submit_ns[i] = std::max(
          world.submit_ns[i], static_cast<double>(cycles.submitted_ns[i] - cycles.begin_ns[i]));
    }
    const auto posts = static_cast<double>(cycles.sent.posts);
    world.posts_most = std::max(world.posts_most, posts);
    world.posts_sum += posts;
    world.bytes_most = std::max(world.bytes_most, static_cast<double>(cycles.sent.post_bytes));
    world.sends_most = std::max(world.sends_most, static_cast<double>(cycles.sent.sends));
    world.words_most = std::max(world.words_most, static_cast<double>(cycles.sent.words));
  }
  return world;
}

Result<WorldCycles> RunThreads(int ranks, const Config& config, const CyclePlan& plan) {
  const InProcessWorld world(ranks);
  std::vector<Result<RankCycles>> results(static_cast<std::size_t>(ranks), RankCycles());
  std::vector<std::thread> threads;
  for (int rank = 0; rank < ranks; ++rank) {
    threads.emplace_back([&, rank] {
      results[static_cast<std::size_t>(rank)] = RunControlCycles(world.Connect(rank), config, plan);
    });
  }
  for (std::thread& thread : threads) thread.join();
  return Merge(results);
}

// The same of ranks in processes of their own. Their clocks agree only inside a host: on several,
// every rank's cycle begins at 0, and a cycle is as long as it was for the slowest rank.
Result<WorldCycles> Gather(RankCycles mine, DirectRunner& direct) {
  const bool one_clock = direct.context().communicator().single_host();
  std::vector<double> most;  // of minus the beginnings, of the ends, of submitting
  for (const std::int64_t begin_ns : mine.begin_ns) {
    most.push_back(one_clock ? -static_cast<double>(begin_ns) : 0);
  }
  for (std::size_t i = 0; i < mine.end_ns.size(); ++i) {
    most.push_back(static_cast<double>(mine.end_ns[i] - (one_clock ? 0 : mine.begin_ns[i])));
  }
  for (std::size_t i = 0; i < mine.submitted_ns.size(); ++i) {
    most.push_back(static_cast<double>(mine.submitted_ns[i] - mine.begin_ns[i]));
  }
  most.push_back(static_cast<double>(mine.sent.posts));
  most.push_back(static_cast<double>(mine.sent.post_bytes));
  most.push_back(static_cast<double>(mine.sent.sends));
  most.push_back(static_cast<double>(mine.sent.words));
  std::vector<double> posts = {static_cast<double>(mine.sent.posts)};
  RONDE_RETURN_IF_ERROR(direct.Max(most));
  RONDE_RETURN_IF_ERROR(direct.Sum(posts));
  WorldCycles world;
  const std::size_t cycles = mine.begin_ns.size();
  for (std::size_t i = 0; i < cycles; ++i) {
    world.begin_ns.push_back(-most[i]);
    world.end_ns.push_back(most[cycles + i]);
    world.submit_ns.push_back(most[2 * cycles + i]);
  }
  world.posts_most = most[3 * cycles];
  world.bytes_most = most[3 * cycles + 1];
  world.sends_most = most[3 * cycles + 2];
  world.words_most = most[3 * cycles + 3];
  world.posts_sum = posts[0];
  return world;
}

}  // namespace

Status NegotiateInProcess(const NegotiateOptions& options, const Config& config,
                          const NegotiateSink& sink) {
  for (const int ranks : options.ranks) {
    for (const int tensors : options.tensors) {
      const auto run = [ranks](const Config& of_mode, const CyclePlan& plan) {
        return RunThreads(ranks, of_mode, plan);
      };
      RONDE_ASSIGN_OR_RETURN(NegotiateRow row, MeasureRow(options, config, ranks, tensors, run));
      row.transport = "in_process";
      sink(row);
    }
  }
  return Status::Ok();
}

Status NegotiateLaunched(const NegotiateOptions& options, const Config& config,
                         DirectRunner& direct, const WorldMaker& make_world,
                         const NegotiateSink& sink) {
  const auto run = [&](const Config& of_mode, const CyclePlan& plan) -> Result<WorldCycles> {
    RONDE_ASSIGN_OR_RETURN(std::unique_ptr<Transport> world, make_world(of_mode));
    RONDE_ASSIGN_OR_RETURN(RankCycles mine, RunControlCycles(std::move(world), of_mode, plan));
    return Gather(std::move(mine), direct);
  };
  for (const int tensors : options.tensors) {
    RONDE_ASSIGN_OR_RETURN(NegotiateRow row,
                           MeasureRow(options, config, direct.size(), tensors, run));
    row.transport = direct.context().transport().name();
    sink(row);
  }
  return Status::Ok();
}

}  // namespace ronde::bench
