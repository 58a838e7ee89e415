#include "collectives/device/nccl/nccl_communicator.h"

#include <atomic>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collectives/device/nccl/nccl_library.h"
#include "core/device/device_list.h"
#include "core/device/simulated_device.h"
#include "core/device/stream.h"
#include "tests/collectives/device/nccl/fake_nccl.h"
#include "tests/support/run_ranks.h"

namespace ronde {
namespace {

using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using Made = Result<std::unique_ptr<NcclCommunicator>>;

Made Create(FakeNccl& nccl, Transport& transport, double timeout_s = 20) {
  return NcclCommunicator::Create(&nccl, transport, transport.rank(), Deadline::After(timeout_s));
}

// What every rank's Create says, by rank.
std::vector<Status> CreateOnAll(int ranks, const std::function<Made(Transport&)>& create) {
  std::vector<Status> statuses(static_cast<std::size_t>(ranks));
  RunRanks(ranks, [&](Transport& transport) {
    statuses[static_cast<std::size_t>(transport.rank())] = create(transport).status();
  });
  return statuses;
}

// A sum of one float over all ranks, which the stream gets to later.
Status IssueSum(NcclCommunicator& communicator, StreamView stream, float* value,
                const Deadline& deadline) {
  return communicator.Issue("allreduce", deadline, [&](NcclApi& nccl, NcclComm comm) {
    return nccl.AllReduce(value, value, 1, DataType::kFloat32, kNcclSum, comm, stream);
  });
}

TEST(NcclCommunicator, ConnectsAnyNumberOfRanksAndEndsInOrder) {
  for (const int ranks : {1, 2, 3, 8}) {
    FakeNccl nccl;
    RunRanks(ranks, [&](Transport& transport) {
      const auto made = Create(nccl, transport);
      ASSERT_TRUE(made.ok()) << made.status().message();
      EXPECT_EQ(made.value()->rank(), transport.rank());
      EXPECT_EQ(made.value()->size(), ranks);
      EXPECT_TRUE(made.value()->AsyncError().ok());
    });
    EXPECT_EQ(nccl.destroyed(), ranks);
    EXPECT_EQ(nccl.aborted(), 0);
    EXPECT_EQ(nccl.live(), 0);
    EXPECT_THAT(nccl.violations(), IsEmpty());
  }
}

TEST(NcclCommunicator, IsRefusedOnAllRanksAlikeWhereOneHasNoNccl) {
  FakeNccl nccl;
  const std::vector<Status> statuses = CreateOnAll(3, [&](Transport& transport) {
    const Result<NcclApi*> none = Status::Unavailable("libnccl.so.2: cannot open");
    const Result<NcclApi*> own = transport.rank() == 1 ? none : Result<NcclApi*>(&nccl);
    return NcclCommunicator::Create(own, transport, 0, Deadline::After(20));
  });
  EXPECT_THAT(statuses, Each(statuses[0]));
  EXPECT_EQ(statuses[0].code(), StatusCode::kUnavailable);
  EXPECT_THAT(statuses[0].message(), HasSubstr("rank 1"));
  EXPECT_THAT(statuses[0].message(), HasSubstr("libnccl.so.2: cannot open"));
}

TEST(NcclCommunicator, IsRefusedOnAllRanksAlikeWhereVersionsDiffer) {
  FakeNccl nccl;
  FakeNccl other(22105);
  const std::vector<Status> statuses = CreateOnAll(3, [&](Transport& transport) {
    return Create(transport.rank() == 2 ? other : nccl, transport);
  });
  EXPECT_THAT(statuses, Each(statuses[0]));
  EXPECT_THAT(statuses[0].message(), HasSubstr("version 2.28.9, rank 2"));
  EXPECT_THAT(statuses[0].message(), HasSubstr("has 2.21.5"));
}

TEST(NcclCommunicator, TellsAllRanksWhyRankZeroHasNoId) {
  FakeNccl nccl;
  nccl.FailUniqueId();
  const std::vector<Status> statuses =
      CreateOnAll(3, [&](Transport& transport) { return Create(nccl, transport); });
  EXPECT_THAT(statuses, Each(statuses[0]));
  EXPECT_EQ(statuses[0].code(), StatusCode::kUnavailable);
  EXPECT_THAT(statuses[0].message(), HasSubstr("no socket interface"));
}

TEST(NcclCommunicator, SetUpThatHangsEndsAtTheDeadlineAndIsAborted) {
  FakeNccl nccl;
  nccl.HangInit(1);
  const std::vector<Status> statuses =
      CreateOnAll(3, [&](Transport& transport) { return Create(nccl, transport, 0.2); });
  EXPECT_THAT(statuses, Each(statuses[0]));
  EXPECT_EQ(statuses[0].code(), StatusCode::kTimeout);
  EXPECT_EQ(nccl.aborted(), 3);
  EXPECT_EQ(nccl.live(), 0);
  EXPECT_THAT(nccl.violations(), IsEmpty());
}

TEST(NcclCommunicator, SetUpThatFailsSomewhereIsTheSameErrorEverywhere) {
  FakeNccl nccl;
  nccl.FailInit(1, NcclResult::kUnhandledCudaError, "out of memory");
  const std::vector<Status> statuses =
      CreateOnAll(3, [&](Transport& transport) { return Create(nccl, transport, 0.2); });
  EXPECT_THAT(statuses, Each(statuses[0]));
  EXPECT_EQ(statuses[0].code(), StatusCode::kUnavailable);
  EXPECT_THAT(statuses[0].message(), HasSubstr("rank 1: NCCL's set-up failed"));
  EXPECT_THAT(statuses[0].message(), HasSubstr("out of memory"));
  EXPECT_EQ(nccl.live(), 0);
  EXPECT_THAT(nccl.violations(), IsEmpty());
}

TEST(NcclCommunicator, SetUpEndsWithTheJob) {
  FakeNccl nccl;
  nccl.HangInit(0);
  const std::vector<Status> statuses = CreateOnAll(2, [&](Transport& transport) {
    std::thread other;
    if (transport.rank() == 1) {
      other = std::thread([&] {
        while (nccl.calls("GetAsyncError") == 0) std::this_thread::yield();
        transport.RequestAbort(Status::Aborted("somebody ended the job"));
      });
    }
    Made made = Create(nccl, transport, 60);
    if (other.joinable()) other.join();
    return made;
  });
  for (const Status& status : statuses) EXPECT_EQ(status.code(), StatusCode::kAborted);
  EXPECT_EQ(nccl.live(), 0);
  EXPECT_THAT(nccl.violations(), IsEmpty());
}

TEST(NcclCommunicator, IssuesWorkInOrderAndWaitsUntilItIsOnTheStream) {
  FakeNccl nccl;
  RunRanks(3, [&](Transport& transport) {
    SimulatedDevice device({.delay_seed = 7});
    const Stream stream = Stream::Create(device, StreamPriority::kHigh).value();
    float value = static_cast<float>(transport.rank() + 1);
    const auto made = Create(nccl, transport);
    ASSERT_TRUE(made.ok());
    for (int round = 0; round < 20; ++round) {
      ASSERT_TRUE(IssueSum(*made.value(), stream.view(), &value, Deadline::After(20)).ok());
      const int launches = static_cast<int>(device.launches());
      EXPECT_EQ(launches, round + 1) << "the call has returned before it was on the stream";
    }
    ASSERT_TRUE(device.Synchronize(stream.view().native, Deadline::After(20)).ok());
    EXPECT_EQ(value, 6.0f * 1162261467.0f);  // 6 * 3^19
  });
  EXPECT_THAT(nccl.violations(), IsEmpty());
}

TEST(NcclCommunicator, TellsWhatWentWrongInTheBackgroundAndTakesNothingMore) {
  FakeNccl nccl;
  RunRanks(2, [&](Transport& transport) {
    SimulatedDevice device;
    const Stream stream = Stream::Create(device, StreamPriority::kHigh).value();
    float value = 1;
    const auto made = Create(nccl, transport);
    ASSERT_TRUE(made.ok());
    NcclCommunicator& communicator = *made.value();
    if (transport.rank() == 0) {
      nccl.InjectAsyncError(0, NcclResult::kRemoteError, "socket closed by remote peer");
    } else {
      nccl.InjectAsyncError(1, NcclResult::kInternalError, "corrupt");
    }
    const Status error = communicator.AsyncError();
    const bool remote = transport.rank() == 0;
    EXPECT_EQ(error.code(), remote ? StatusCode::kUnavailable : StatusCode::kInternal);
    EXPECT_THAT(error.message(), HasSubstr(remote ? "socket closed by remote peer" : "corrupt"));
    EXPECT_EQ(communicator.AsyncError(), error);
    EXPECT_EQ(IssueSum(communicator, stream.view(), &value, Deadline::After(20)), error);
  });
  EXPECT_EQ(nccl.aborted(), 2);
  EXPECT_EQ(nccl.calls("AllReduce"), 0);
  EXPECT_THAT(nccl.violations(), IsEmpty());
}

TEST(NcclCommunicator, AbortEndsACallThatHangsOnceAndOnly) {
  FakeNccl nccl;
  RunRanks(2, [&](Transport& transport) {
    SimulatedDevice device;
    const Stream stream = Stream::Create(device, StreamPriority::kHigh).value();
    float value = 1;
    const auto made = Create(nccl, transport);
    ASSERT_TRUE(made.ok());
    nccl.HangGroups(transport.rank());
    std::thread other([&] {
      while (nccl.groups() < 1) std::this_thread::yield();
      made.value()->Abort();
      made.value()->Abort();
      EXPECT_TRUE(made.value()->AsyncError().ok());
    });
    const Status status = IssueSum(*made.value(), stream.view(), &value, Deadline::After(30));
    EXPECT_EQ(status.code(), StatusCode::kAborted) << status.message();
    other.join();
    made.value()->Abort();
    EXPECT_EQ(IssueSum(*made.value(), stream.view(), &value, Deadline::After(1)).code(),
              StatusCode::kAborted);
  });
  EXPECT_EQ(nccl.aborted(), 2);
  EXPECT_EQ(nccl.destroyed(), 0);
  EXPECT_THAT(nccl.violations(), IsEmpty());
}

TEST(NcclCommunicator, ACallThatHangsEndsAtTheDeadlineAndIsTheLast) {
  FakeNccl nccl;
  RunRanks(2, [&](Transport& transport) {
    SimulatedDevice device;
    const Stream stream = Stream::Create(device, StreamPriority::kHigh).value();
    float value = 1;
    const auto made = Create(nccl, transport);
    ASSERT_TRUE(made.ok());
    nccl.HangGroups(transport.rank());
    const Status status = IssueSum(*made.value(), stream.view(), &value, Deadline::After(0.1));
    EXPECT_EQ(status.code(), StatusCode::kTimeout);
    EXPECT_THAT(status.message(), HasSubstr("--timeout-s"));
    EXPECT_EQ(IssueSum(*made.value(), stream.view(), &value, Deadline::After(20)), status);
  });
  EXPECT_EQ(nccl.aborted(), 2);
  EXPECT_THAT(nccl.violations(), IsEmpty());
}

TEST(NcclCommunicator, AbortEndsWhatWaitsOnTheDevice) {
  FakeNccl nccl;
  RunRanks(2, [&](Transport& transport) {
    SimulatedDevice device;
    const Stream stream = Stream::Create(device, StreamPriority::kHigh).value();
    float value = 1;
    const auto made = Create(nccl, transport);
    ASSERT_TRUE(made.ok());
    if (transport.rank() == 1) return made.value()->Abort();  // it never comes
    ASSERT_TRUE(IssueSum(*made.value(), stream.view(), &value, Deadline::After(20)).ok());
    EXPECT_EQ(device.Synchronize(stream.view().native, Deadline::After(0.05)).code(),
              StatusCode::kTimeout);
    made.value()->Abort();
    EXPECT_TRUE(device.Synchronize(stream.view().native, Deadline::After(20)).ok());
  });
  EXPECT_EQ(nccl.live(), 0);
  EXPECT_THAT(nccl.violations(), IsEmpty());
}

TEST(NcclCommunicator, AbortDoesNotWaitForNcclsOwn) {
  FakeNccl nccl;
  nccl.HoldAborts();
  RunRanks(2, [&](Transport& transport) {
    const auto made = Create(nccl, transport);
    ASSERT_TRUE(made.ok());
    made.value()->Abort();  // returns; the end waits for it
    if (transport.rank() == 0) nccl.ReleaseAborts();
  });
  EXPECT_EQ(nccl.live(), 0);
  EXPECT_THAT(nccl.violations(), IsEmpty());
}

TEST(NcclCommunicator, AnEndInWhichPeersDoNotTakePartIsAnAbort) {
  FakeNccl nccl;
  nccl.HangFinalize();
  RunRanks(2, [&](Transport& transport) { ASSERT_TRUE(Create(nccl, transport).ok()); });
  EXPECT_EQ(nccl.destroyed(), 0);
  EXPECT_EQ(nccl.aborted(), 2);
  EXPECT_THAT(nccl.violations(), IsEmpty());
}

TEST(NcclCommunicator, OfTheRealNcclEndsInWordsWhereThereIsNoDevice) {
  if (!BuiltWithNccl()) GTEST_SKIP() << "built without NCCL";
  if (!ListDevices().empty()) GTEST_SKIP() << "there is a device";
  const auto nccl = LoadNccl(DeviceKind::kCuda);
  if (!nccl.ok()) GTEST_SKIP() << nccl.status().message();
  const std::vector<Status> statuses = CreateOnAll(2, [&](Transport& transport) {
    return NcclCommunicator::Create(nccl, transport, 0, Deadline::After(20));
  });
  EXPECT_THAT(statuses, Each(statuses[0]));
  EXPECT_EQ(statuses[0].code(), StatusCode::kUnavailable) << statuses[0].message();
  EXPECT_THAT(statuses[0].message(), HasSubstr("rank 0"));
}

}  // namespace
}  // namespace ronde
