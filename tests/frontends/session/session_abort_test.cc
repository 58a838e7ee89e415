// An abort from another thread while the engine's thread waits for a peer's data.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/frontends/session/run_sessions.h"

namespace ronde {
namespace {

struct Path {
  const char* name;
  std::vector<std::string> host_ids;
  std::int64_t count;
};

class SessionAbort : public testing::TestWithParam<Path> {};

// Set once, waited for by another thread.
class Signal {
 public:
  void Give() {
    given_ = true;
    given_.notify_all();
  }
  void Await() { given_.wait(false); }

 private:
  std::atomic<bool> given_{false};
};

// Rank 1 has submitted the sum, but its engine is held up in a callback: once rank 0 submits it
// too, rank 0 waits for data.
TEST_P(SessionAbort, EndsItsOwnWaitForData) {
  Config config;
  ASSERT_TRUE(config.Set(Setting::kTimeoutS, "30", SettingOrigin::kProgram).ok());
  Signal submitted;
  Signal held;
  Signal released;
  Status status;
  double seconds = 0;
  const auto hold = [&](Session& session, const TensorView& view) {
    const Handle sum = session.AllreduceAsync("sum", view, view, {.op = ReduceOp::kSum});
    // Its request goes out with the sum's or later, so that rank 0 has both when this completes.
    session.BarrierAsync("first").OnComplete([&](const Status&) {
      held.Give();
      released.Await();
    });
    submitted.Give();
    EXPECT_FALSE(sum.Wait().ok());
  };
  const auto abort = [&](Session& session, const TensorView& view) {
    submitted.Await();
    EXPECT_EQ(session.BarrierAsync("first").Wait(), Status::Ok());
    held.Await();
    const Handle sum = session.AllreduceAsync("sum", view, view, {.op = ReduceOp::kSum});
    // By now it most likely waits; an abort before that must end it just the same.
    EXPECT_EQ(sum.WaitUntil(Deadline::After(0.2)).code(), StatusCode::kTimeout);
    const auto start = std::chrono::steady_clock::now();
    session.Abort(Status::Internal("out of cheese"));
    status = sum.Wait();
    seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    released.Give();
  };
  RunSessions(2,
              [&](Session& session) {
                std::vector<float> values(static_cast<std::size_t>(GetParam().count), 1);
                const TensorView view(values.data(), DataType::kFloat32, {GetParam().count});
                session.rank() == 1 ? hold(session, view) : abort(session, view);
              },
              config, {.host_ids = GetParam().host_ids});
  EXPECT_LT(seconds, 5);
  EXPECT_EQ(status, Status::Aborted("rank 0: out of cheese"));
}

INSTANTIATE_TEST_SUITE_P(Paths, SessionAbort,
                         testing::Values(Path{"FlagLine", {}, 4}, Path{"SharedMemory", {}, 1 << 20},
                                         Path{"Messages", {"here", "there"}, 1 << 20}),
                         [](const auto& path) { return std::string(path.param.name); });

}  // namespace
}  // namespace ronde
