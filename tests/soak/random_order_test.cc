// Training steps in which every rank submits the same gradients in an order of its own.
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/base/strcat.h"
#include "tests/frontends/session/run_sessions.h"
#include "tests/soak/random.h"

namespace ronde::soak {
namespace {

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr int kSteps = 500;
#else
constexpr int kSteps = 10'000;
#endif
constexpr int kRanks = 8;
constexpr std::size_t kTensors = 6;
constexpr std::int64_t kElements = 16;

// One rank's gradients; their values change with every step, so that stale ones show.
class Gradients {
 public:
  explicit Gradients(Session& session) : session_(session) {
    values_.assign(kTensors, std::vector<float>(kElements));
    for (std::size_t i = 0; i < kTensors; ++i) names_.push_back(StrCat("gradient.", i));
  }

  void Step(int step, const std::vector<std::size_t>& order) {
    std::vector<Handle> handles(kTensors);
    for (const std::size_t i : order) {
      values_[i].assign(kElements, static_cast<float>((session_.rank() + 1) * (step % 16)));
      const TensorView view(values_[i].data(), DataType::kFloat32, {kElements});
      handles[i] = session_.AllreduceAsync(names_[i], view, view, {.op = ReduceOp::kSum});
    }
    const auto sum = static_cast<float>(kRanks * (kRanks + 1) / 2 * (step % 16));
    for (std::size_t i = 0; i < kTensors; ++i) {
      const Status status = handles[i].Wait();
      ASSERT_TRUE(status.ok()) << "step " << step << ": " << status.ToString();
      ASSERT_EQ(values_[i], std::vector<float>(kElements, sum)) << "step " << step;
    }
  }

 private:
  Session& session_;
  std::vector<std::string> names_;
  std::vector<std::vector<float>> values_;
};

void RunSteps(int steps, int reshuffle_every) {
  RunSessions(kRanks,
              [=](Session& session) {
                Gradients gradients(session);
                Random random(Mix(1, static_cast<std::uint64_t>(session.rank())));
                std::vector<std::size_t> order(kTensors);
                for (std::size_t i = 0; i < kTensors; ++i) order[i] = i;
                for (int step = 0; step < steps && !testing::Test::HasFatalFailure(); ++step) {
                  if (step % reshuffle_every == 0) random.Shuffle(order);
                  gradients.Step(step, order);
                }
              },
              Config(), {.watchdog_s = 100});
}

TEST(RandomOrder, EveryRankItsOwnAndAnotherInEachStep) { RunSteps(kSteps, 1); }

// Long enough for a schedule to lock, and then to be broken.
TEST(RandomOrder, ChangesOnceInAWhile) { RunSteps(kSteps / 10, 20); }

}  // namespace
}  // namespace ronde::soak
