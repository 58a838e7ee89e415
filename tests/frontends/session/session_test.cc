#include "frontends/session/session.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <numeric>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/strcat.h"
#include "frontends/session/session_slot.h"
#include "tests/frontends/session/run_sessions.h"

namespace ronde {
namespace {

using ::testing::HasSubstr;

class SessionOnRanks : public ::testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Ranks, SessionOnRanks, ::testing::Values(1, 2, 3, 4));

TEST_P(SessionOnRanks, KnowsItsPlace) {
  std::atomic<int> ranks_seen{0};
  RunSessions(GetParam(), [&](Session& session) {
    ranks_seen += 1 << session.rank();
    EXPECT_EQ(session.size(), GetParam());
    EXPECT_EQ(session.local_rank(), session.rank());
    EXPECT_EQ(session.local_size(), session.size());
    EXPECT_EQ(session.cross_rank(), 0);
    EXPECT_EQ(session.cross_size(), 1);
  });
  EXPECT_EQ(ranks_seen, (1 << GetParam()) - 1);
}

TEST(Session, GroupsRanksByHost) {
  RunSessions(4,
              [](Session& session) {
                EXPECT_EQ(session.local_size(), 2);
                EXPECT_EQ(session.cross_size(), 2);
                EXPECT_EQ(session.local_rank(), session.rank() / 2);
                EXPECT_EQ(session.cross_rank(), session.rank() % 2);
                float value = static_cast<float>(session.rank());
                const TensorView tensor(&value, DataType::kFloat32, {1});
                EXPECT_TRUE(session.AllreduceAsync("x", tensor, tensor).Wait().ok());
                EXPECT_EQ(value, 1.5F);
              },
              Config(), {.host_ids = {"a", "b", "a", "b"}});
}

TEST_P(SessionOnRanks, BroadcastsFromEveryRoot) {
  RunSessions(GetParam(), [](Session& session) {
    for (int root = 0; root < session.size(); ++root) {
      std::vector<std::int64_t> data(1000, session.rank());
      const Status status =
          session.BroadcastAsync("x", {data.data(), DataType::kInt64, {1000}}, root).Wait();
      ASSERT_TRUE(status.ok()) << status.message();
      EXPECT_EQ(data, std::vector<std::int64_t>(1000, root));
    }
  });
}

TEST_P(SessionOnRanks, GathersDifferentExtents) {
  RunSessions(GetParam(), [](Session& session) {
    // Rank r contributes r rows of 3; rank 0 contributes none.
    const int rank = session.rank();
    std::vector<float> mine(static_cast<std::size_t>(3 * rank), static_cast<float>(rank));
    const Handle handle = session.AllgatherAsync("x", {mine.data(), DataType::kFloat32, {rank, 3}});
    const Status status = handle.Wait();
    ASSERT_TRUE(status.ok()) << status.message();
    const OperationResult& result = handle.result();
    const int size = session.size();
    EXPECT_EQ(result.gathered_shape, (Shape{size * (size - 1) / 2, 3}));
    std::vector<float> expected;
    for (int r = 0; r < size; ++r) {
      EXPECT_EQ(result.rank_extents[static_cast<std::size_t>(r)], r);
      expected.insert(expected.end(), static_cast<std::size_t>(3 * r), static_cast<float>(r));
    }
    ASSERT_EQ(result.gathered.size(), expected.size() * sizeof(float));
    if (expected.empty()) return;
    EXPECT_EQ(std::memcmp(result.gathered.data(), expected.data(), result.gathered.size()), 0);
  });
}

TEST_P(SessionOnRanks, GathersScalarsIntoAVector) {
  RunSessions(GetParam(), [](Session& session) {
    std::int32_t mine = session.rank() * 10;
    const Handle handle = session.AllgatherAsync("x", {&mine, DataType::kInt32, {}});
    ASSERT_TRUE(handle.Wait().ok());
    EXPECT_EQ(handle.result().gathered_shape, (Shape{session.size()}));
  });
}

TEST_P(SessionOnRanks, BarrierWaitsForEveryone) {
  std::atomic<int> entered{0};
  RunSessions(GetParam(), [&](Session& session) {
    ++entered;
    ASSERT_TRUE(session.BarrierAsync().Wait().ok());
    EXPECT_EQ(entered, session.size());
  });
}

TEST_P(SessionOnRanks, AgreesOnTheStatusOfTheLowestFailingRank) {
  RunSessions(GetParam(), [](Session& session) {
    EXPECT_TRUE(session.AgreeOnStatus(Status::Ok()).ok());
    const bool fails = session.rank() > 0 || session.size() == 1;
    const Status mine =
        fails ? Status::InvalidArgument(StrCat("file of rank ", session.rank(), " is missing"))
              : Status::Ok();
    const Status agreed = session.AgreeOnStatus(mine);
    EXPECT_EQ(agreed, Status::InvalidArgument(
                          StrCat("file of rank ", session.size() == 1 ? 0 : 1, " is missing")));
    EXPECT_TRUE(session.AgreeOnStatus(Status::Ok()).ok()) << "the job goes on";
  });
}

TEST_P(SessionOnRanks, ShutsDownTwiceAndRefusesOperationsAfterwards) {
  RunSessions(GetParam(), [](Session& session) {
    float value = 1;
    const TensorView tensor(&value, DataType::kFloat32, {1});
    const Handle pending = session.AllreduceAsync("x", tensor, tensor);
    EXPECT_TRUE(session.Shutdown().ok());
    EXPECT_TRUE(pending.Poll()) << "what was pending has completed";
    EXPECT_TRUE(pending.Wait().ok());
    EXPECT_TRUE(session.Shutdown().ok());
    EXPECT_EQ(session.AllreduceAsync("y", tensor, tensor).Wait().code(), StatusCode::kShutdown);
  });
}

TEST_P(SessionOnRanks, CallbacksSeeTheFinalStatusAndMaySubmit) {
  RunSessions(GetParam(), [](Session& session) {
    float first = 1;
    float second = 1;
    std::atomic<bool> called{false};
    Handle chained;
    Handle handle = session.AllreduceAsync("first", {&first, DataType::kFloat32, {}},
                                           {&first, DataType::kFloat32, {}});
    std::mutex mutex;
    std::condition_variable changed;
    handle.OnComplete([&](const Status& status) {
      EXPECT_TRUE(status.ok());
      const std::lock_guard lock(mutex);
      chained = session.AllreduceAsync("second", {&second, DataType::kFloat32, {}},
                                       {&second, DataType::kFloat32, {}});
      called = true;
      changed.notify_one();
    });
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return called.load(); });
    EXPECT_TRUE(chained.Wait().ok());
  });
}

// --- Failures.

using SteadyTime = std::chrono::steady_clock;
constexpr std::chrono::seconds kSoon{10};

TEST(SessionFailures, AnAbortReachesAllRanksWithItsMessage) {
  const auto start = SteadyTime::now();
  RunSessions(3, [](Session& session) {
    ASSERT_TRUE(session.BarrierAsync("together").Wait().ok());
    if (session.rank() == 1) {
      session.Abort(Status::Aborted("disk full"));
      return;
    }
    float value = 0;
    const TensorView tensor(&value, DataType::kFloat32, {1});
    const Status status = session.AllreduceAsync("never", tensor, tensor).Wait();
    EXPECT_EQ(status.code(), StatusCode::kAborted);
    EXPECT_EQ(status.message(), "rank 1: disk full");
    EXPECT_EQ(session.Shutdown().message(), "rank 1: disk full");
    EXPECT_EQ(session.AverageModelAsync("m", tensor, {.period = 5}, 1).Wait().message(),
              "rank 1: disk full")
        << "also where nothing is due";
  });
  EXPECT_LT(SteadyTime::now() - start, kSoon);
}

TEST(SessionFailures, AnExceptionThatUnwindsASessionEndsTheJob) {
  const auto start = SteadyTime::now();
  RunRanksOwning(3, [](std::unique_ptr<Transport> transport) {
    const int rank = transport->rank();
    try {
      auto session = Session::CreateOn(std::move(transport), Config());
      ASSERT_TRUE(session.ok());
      ASSERT_TRUE(session.value()->BarrierAsync("together").Wait().ok());
      if (rank == 2) throw std::runtime_error("data loader");
      const Status status = session.value()->BarrierAsync("never").Wait();
      EXPECT_EQ(status.code(), StatusCode::kAborted);
      EXPECT_THAT(status.message(), HasSubstr("rank 2: left by an exception"));
    } catch (const std::runtime_error&) {
      EXPECT_EQ(rank, 2);
    }
  });
  EXPECT_LT(SteadyTime::now() - start, kSoon);
}

TEST(SessionFailures, DifferentSettingsFailOnAllRanksAlike) {
  std::vector<Status> statuses(3);
  RunRanksOwning(3, [&](std::unique_ptr<Transport> transport) {
    const int rank = transport->rank();
    Config config;
    ASSERT_TRUE(config
                    .Set(Setting::kFusionThresholdBytes, rank == 2 ? "2M" : "1024K",
                         SettingOrigin::kEnvironment)
                    .ok());
    const auto session = Session::CreateOn(std::move(transport), config);
    statuses[static_cast<std::size_t>(rank)] = session.status();
  });
  for (const Status& status : statuses) {
    EXPECT_EQ(status, statuses[0]);
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    EXPECT_THAT(status.message(), HasSubstr("RONDE_FUSION_THRESHOLD_BYTES"));
    EXPECT_THAT(status.message(), HasSubstr("'1048576' on rank 0"));
    EXPECT_THAT(status.message(), HasSubstr("'2097152' on rank 2"));
  }
}

TEST(SessionFailures, OneKindOfReproducibleIsNotTheOther) {
  RunRanksOwning(2, [&](std::unique_ptr<Transport> transport) {
    const char* value = transport->rank() == 0 ? "on" : "tree";
    Config config;
    ASSERT_TRUE(config.Set(Setting::kReproducible, value, SettingOrigin::kFlag).ok());
    const auto session = Session::CreateOn(std::move(transport), config);
    EXPECT_EQ(session.status().code(), StatusCode::kInvalidArgument);
    EXPECT_THAT(session.status().message(), HasSubstr("'tree' on rank 1"));
  });
}

TEST(SessionFailures, SettingsThatMeanTheSameAndRankLocalOnesMayDiffer) {
  RunRanksOwning(2, [&](std::unique_ptr<Transport> transport) {
    const bool first = transport->rank() == 0;
    Config config;
    ASSERT_TRUE(
        config.Set(Setting::kFusionThresholdBytes, first ? "1M" : "1048576", SettingOrigin::kFlag)
            .ok());
    ASSERT_TRUE(config.Set(Setting::kLogLevel, first ? "error" : "off", SettingOrigin::kFlag).ok());
    ASSERT_TRUE(
        config.Set(Setting::kReproducible, first ? "on" : "true", SettingOrigin::kFlag).ok());
    const auto session = Session::CreateOn(std::move(transport), config);
    EXPECT_TRUE(session.ok()) << session.status().message();
  });
}

TEST(SessionFailures, AnUnknownAlgorithmFailsOnAllRanks) {
  RunRanksOwning(2, [&](std::unique_ptr<Transport> transport) {
    Config config;
    ASSERT_TRUE(config.Set(Setting::kAllreduceAlgorithm, "nonesuch", SettingOrigin::kFlag).ok());
    const auto session = Session::CreateOn(std::move(transport), config);
    EXPECT_EQ(session.status().code(), StatusCode::kInvalidArgument);
    EXPECT_THAT(session.status().message(), HasSubstr("nonesuch"));
  });
}

TEST(SessionFailures, ANameThatARankNeverSubmitsEndsWithItsShutdown) {
  RunSessions(2, [](Session& session) {
    if (session.rank() == 1) {
      EXPECT_TRUE(session.Shutdown().ok());
      return;
    }
    EXPECT_EQ(session.BarrierAsync("never").Wait().code(), StatusCode::kShutdown);
  });
}

// --- The process-wide slot.

TEST(SessionSlot, IsEmptyBeforeInitialisationAndAfterShutdownAndCanBeFilledAgain) {
  EXPECT_EQ(CurrentSession().status().code(), StatusCode::kInvalidArgument);
  EXPECT_TRUE(ShutdownSession().ok()) << "nothing to shut down";
  for (int round = 0; round < 2; ++round) {
    ASSERT_TRUE(InitSession(Config()).ok());
    EXPECT_EQ(InitSession(Config()).code(), StatusCode::kInvalidArgument);
    const auto session = CurrentSession();
    ASSERT_TRUE(session.ok());
    EXPECT_EQ(session.value()->size(), 1);
    EXPECT_TRUE(ShutdownSession().ok());
    EXPECT_EQ(session.value()->BarrierAsync().Wait().code(), StatusCode::kShutdown)
        << "a session that someone still holds refuses work";
    EXPECT_FALSE(CurrentSession().ok());
  }
}

TEST(SessionSlot, KeepsMemoryUntilItIsFreedOrTheSessionEnds) {
  EXPECT_EQ(AllocateMemory(1).status().code(), StatusCode::kInvalidArgument) << "no session";
  ASSERT_TRUE(InitSession(Config()).ok());
  const auto first = AllocateMemory(1000);
  const auto second = AllocateMemory(1000);
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_NE(first.value(), second.value());
  std::memset(first.value(), 1, 1000);
  EXPECT_TRUE(FreeMemory(first.value()).ok());
  EXPECT_EQ(FreeMemory(first.value()).code(), StatusCode::kInvalidArgument);
  EXPECT_TRUE(FreeMemory(nullptr).ok());
  EXPECT_TRUE(ShutdownSession().ok());
  EXPECT_EQ(FreeMemory(second.value()).code(), StatusCode::kInvalidArgument) << "free already";
}

TEST(SessionSlotDeathTest, AnUncaughtExceptionLeavesItsMessage) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        static_cast<void>(InitSession(Config()).ok());
        // Not on the test's own stack: GoogleTest would catch it.
        std::thread([] { throw std::runtime_error("learning rate is NaN"); }).join();
      },
      "rank 0: learning rate is NaN");
}

TEST(SessionSlotDeathTest, AnExitWithoutShutdownIsClean) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        static_cast<void>(InitSession(Config()).ok());
        std::exit(0);
      },
      ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace ronde
