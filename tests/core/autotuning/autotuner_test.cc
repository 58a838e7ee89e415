#include "core/autotuning/autotuner.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/core/control/manual_clock.h"

namespace ronde {
namespace {

using Kind = AutotunePoint::Kind;

constexpr Tunables kDefaults = {.fusion_threshold_bytes = 1 << 20,
                                .cycle_time_ms = 0,
                                .chunk_bytes = 256 << 10,
                                .one_shot_bytes = 16 << 10};

// Bytes per second that some machine reaches with these tunables.
using Surface = std::function<double(const Tunables&)>;

class Recorder final : public AutotuneSink {
 public:
  void OnPoint(const AutotunePoint& point) override { points.push_back(point); }
  void OnFinished(const AutotuneOutcome& reached) override { outcomes.push_back(reached); }

  std::vector<AutotunePoint> points;
  std::vector<AutotuneOutcome> outcomes;
};

// A job of iterations with three lists each, on a machine with a surface and noise.
class Job {
 public:
  Job(Surface surface, double noise, const AutotuneOptions& options = {},
      const Tunables& defaults = kDefaults)
      : surface_(std::move(surface)),
        noise_(noise),
        in_force_(defaults),
        tuner(defaults, options, clock_, &recorder) {}

  // Returns how many iterations it took to finish.
  int Run(int most_iterations = 5000) {
    for (int i = 0; i < most_iterations; ++i) {
      for (const char* name : {"first", "second", "third"}) RunList(name);
      if (tuner.finished() && !tuner.has_next()) return i + 1;
    }
    return most_iterations;
  }

  const Tunables& in_force() const { return in_force_; }

 private:
  void RunList(const char* name) {
    if (const auto next = tuner.TakeNext()) in_force_ = *next;
    constexpr std::uint64_t kBytes = 4 << 20;
    // Log-normal: times are never negative, and some are very long.
    const double factor = std::exp(noise_ * normal_(random_));
    const double seconds = static_cast<double>(kBytes) / surface_(in_force_) * factor;
    const std::int64_t begin_ns = clock_.NowNs();
    clock_.Advance(seconds);
    tuner.OnOperation(name);
    tuner.OnListExecuted(kBytes, begin_ns, clock_.NowNs());
    clock_.Advance(0.001);  // computing
  }

  Surface surface_;
  double noise_;
  ManualClock clock_;
  std::mt19937 random_{7};
  std::normal_distribution<double> normal_;
  Tunables in_force_;

 public:
  Recorder recorder;
  Autotuner tuner;
};

// 1 at the optimum of one tunable, less by the square of the distance in doublings.
double Hill(double value, double optimum, double width) {
  const double doublings = std::log2(std::max(value, 1.0) / optimum) / width;
  return 1 / (1 + doublings * doublings);
}

// The best point is at 8M, no waiting, chunks of 1M, one shot up to 64K.
double SmoothSurface(const Tunables& tunables) {
  return 1e9 * Hill(static_cast<double>(tunables.fusion_threshold_bytes), 8 << 20, 6) *
         Hill(static_cast<double>(tunables.chunk_bytes), 1 << 20, 5) *
         Hill(static_cast<double>(tunables.one_shot_bytes), 64 << 10, 5) /
         (1 + tunables.cycle_time_ms / 4);
}

class AutotunerWithNoise : public ::testing::TestWithParam<double> {};
INSTANTIATE_TEST_SUITE_P(Noise, AutotunerWithNoise, ::testing::Values(0.0, 0.03, 0.1));

TEST_P(AutotunerWithNoise, FindsTheTopOfASmoothSurfaceInABoundedNumberOfPoints) {
  for (const std::uint64_t seed : {1, 2, 3, 4, 5}) {
    AutotuneOptions options;
    options.seed = seed;
    Job job(SmoothSurface, GetParam(), options);
    job.Run();
    ASSERT_EQ(job.recorder.outcomes.size(), 1U);
    const AutotuneOutcome& outcome = job.recorder.outcomes.front();
    EXPECT_LE(outcome.points, 1 + options.sample_points + options.bayes_points);
    EXPECT_TRUE(outcome.improved);
    EXPECT_EQ(outcome.tunables, outcome.best);
    EXPECT_EQ(job.in_force(), outcome.tunables);
    EXPECT_GT(SmoothSurface(outcome.tunables), 0.94 * 1e9) << "seed " << seed;
  }
}

// Only one tunable matters, and it has a cliff: what is packed at once outgrows the cache.
TEST(Autotuner, FindsThePlateauBesideACliff) {
  const Surface cliff = [](const Tunables& tunables) {
    const auto bytes = static_cast<double>(tunables.fusion_threshold_bytes);
    if (bytes > 16 << 20) return 2e8;
    return 2e8 + 8e8 * bytes / (16 << 20);
  };
  for (const std::uint64_t seed : {1, 2, 3, 4, 5}) {
    AutotuneOptions options;
    options.seed = seed;
    Job job(cliff, 0.03, options);
    job.Run();
    EXPECT_EQ(job.in_force().fusion_threshold_bytes, 16 << 20) << "seed " << seed;
  }
}

TEST(Autotuner, IsTheSameForTheSameSeedAndTimes) {
  const auto run = [](std::uint64_t seed) {
    AutotuneOptions options;
    options.seed = seed;
    Job job(SmoothSurface, 0.05, options);
    job.Run();
    std::vector<Tunables> tried;
    for (const AutotunePoint& point : job.recorder.points) tried.push_back(point.tunables);
    return tried;
  };
  EXPECT_EQ(run(1), run(1));
  EXPECT_NE(run(1), run(2));
}

TEST(Autotuner, KeepsTheDefaultWhereNothingMatters) {
  for (const std::uint64_t seed : {1, 2, 3, 4, 5}) {
    AutotuneOptions options;
    options.seed = seed;
    Job job([](const Tunables&) { return 1e9; }, 0.05, options);
    job.Run();
    ASSERT_EQ(job.recorder.outcomes.size(), 1U);
    EXPECT_FALSE(job.recorder.outcomes.front().improved) << "seed " << seed;
    EXPECT_EQ(job.in_force(), kDefaults);
    EXPECT_FALSE(job.tuner.has_next());
  }
}

// What looked better during the search is not so when it counts.
TEST(Autotuner, KeepsTheDefaultWhenTheBestDoesNotBeatItInTheComparison) {
  int calls = 0;
  const Surface fickle = [&calls](const Tunables& tunables) {
    const bool early = ++calls < 2400;
    const bool is_default = tunables == kDefaults;
    return is_default || !early ? 1e9 : SmoothSurface(tunables) * 2;
  };
  Job job(fickle, 0.01);
  job.Run();
  ASSERT_EQ(job.recorder.outcomes.size(), 1U);
  const AutotuneOutcome& outcome = job.recorder.outcomes.front();
  EXPECT_NE(outcome.best, kDefaults);
  EXPECT_FALSE(outcome.improved);
  EXPECT_EQ(outcome.tunables, kDefaults);
  EXPECT_EQ(job.in_force(), kDefaults);
  EXPECT_NEAR(outcome.default_mb_per_s, 1000, 20);
}

TEST(Autotuner, ComparesTheBestWithTheDefaultInTurns) {
  Job job(SmoothSurface, 0.02);
  job.Run();
  std::vector<Kind> kinds;
  for (const AutotunePoint& point : job.recorder.points) {
    if (point.kind < Kind::kCompareDefault) {
      EXPECT_TRUE(kinds.empty()) << "a point was tried after the comparison had begun";
      continue;
    }
    kinds.push_back(point.kind);
    EXPECT_EQ(point.tunables == kDefaults, point.kind == Kind::kCompareDefault);
  }
  ASSERT_EQ(kinds.size(), 14U);
  EXPECT_EQ(std::count(kinds.begin(), kinds.end(), Kind::kCompareBest), 7);
  const std::vector<Kind> first(kinds.begin(), kinds.begin() + 5);
  EXPECT_EQ(first, (std::vector{Kind::kCompareDefault, Kind::kCompareBest, Kind::kCompareBest,
                                Kind::kCompareDefault, Kind::kCompareDefault}));
}

TEST(Autotuner, BeginsWithTheDefaultAndTriesNoPointTwice) {
  Job job(SmoothSurface, 0.05);
  job.Run();
  EXPECT_EQ(job.recorder.points.front().kind, Kind::kDefault);
  EXPECT_EQ(job.recorder.points.front().tunables, kDefaults);
  std::vector<Tunables> tried;
  for (const AutotunePoint& point : job.recorder.points) {
    if (point.kind >= Kind::kCompareDefault) break;
    EXPECT_EQ(std::count(tried.begin(), tried.end(), point.tunables), 0);
    tried.push_back(point.tunables);
  }
}

TEST(Autotuner, OneHostNeverHearsOfHierarchy) {
  Job one(SmoothSurface, 0.05);
  one.Run();
  for (const AutotunePoint& point : one.recorder.points) EXPECT_TRUE(point.tunables.hierarchical);
  AutotuneOptions options;
  options.several_hosts = true;
  Job several(SmoothSurface, 0.05, options);
  several.Run();
  EXPECT_TRUE(std::any_of(several.recorder.points.begin(), several.recorder.points.end(),
                          [](const AutotunePoint& p) { return !p.tunables.hierarchical; }));
}

TEST(Autotuner, LeavesAloneWhatItMayNotChange) {
  AutotuneOptions options;
  options.tunes_fusion_threshold = false;
  options.tunes_one_shot = false;
  options.largest_chunk_bytes = 512 << 10;
  Tunables defaults = kDefaults;
  defaults.fusion_threshold_bytes = 12345;
  Job job(SmoothSurface, 0, options, defaults);
  job.Run();
  for (const AutotunePoint& point : job.recorder.points) {
    EXPECT_EQ(point.tunables.fusion_threshold_bytes, 12345);
    EXPECT_EQ(point.tunables.one_shot_bytes, kDefaults.one_shot_bytes);
    EXPECT_LE(point.tunables.chunk_bytes, 512 << 10);
  }
  EXPECT_EQ(job.in_force().chunk_bytes, 512 << 10);
}

TEST(Autotuner, HasNothingToDoWhereNothingMayChange) {
  AutotuneOptions options;
  options.tunes_fusion_threshold = options.tunes_cycle_time = false;
  options.tunes_chunk = options.tunes_one_shot = false;
  Job job(SmoothSurface, 0, options);
  EXPECT_TRUE(job.tuner.finished());
  EXPECT_EQ(job.tuner.TakeNext(), std::nullopt);
  EXPECT_EQ(job.recorder.outcomes.size(), 1U);
}

// What runs between a decision and the list that carries it out belongs to nobody.
TEST(Autotuner, ListsUnderOldTunablesDoNotCountForTheNextPoint) {
  ManualClock clock;
  Recorder recorder;
  AutotuneOptions options;
  options.windows = 1;
  options.warmup_iterations = 0;
  Autotuner tuner(kDefaults, options, clock, &recorder);
  const auto run = [&](double seconds) {
    const std::int64_t begin_ns = clock.NowNs();
    clock.Advance(seconds);
    tuner.OnListExecuted(1'000'000, begin_ns, clock.NowNs());
  };
  while (!tuner.has_next()) run(0.01);
  for (int i = 0; i < 100; ++i) run(10);  // nobody takes it
  ASSERT_EQ(recorder.points.size(), 1U);
  ASSERT_TRUE(tuner.TakeNext().has_value());
  EXPECT_EQ(tuner.TakeNext(), std::nullopt);
  while (recorder.points.size() < 2) run(0.02);
  EXPECT_NEAR(recorder.points[0].score_mb_per_s, 100, 1e-6);
  EXPECT_NEAR(recorder.points[1].score_mb_per_s, 50, 1e-6);
}

}  // namespace
}  // namespace ronde
