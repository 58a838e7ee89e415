// What memory does not allow is refused in the same words on all ranks, and the job goes on.
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/available_memory.h"
#include "tests/frontends/session/run_sessions.h"

namespace ronde {
namespace {

using testing::HasSubstr;

constexpr std::int64_t kTooMuch = std::int64_t{1} << 44;

// Where the kernel does not say what is available, nothing is refused in time.
class SessionMemory : public testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    if (AvailableMemoryBytes() > kTooMuch) GTEST_SKIP() << "16 TiB of memory are available";
  }
};
INSTANTIATE_TEST_SUITE_P(Ranks, SessionMemory, testing::Values(1, 2, 3));

void ExpectWorks(Session& session) {
  std::vector<float> values = {1};
  const TensorView view(values.data(), DataType::kFloat32, {1});
  EXPECT_EQ(session.AllreduceAsync("still works", view, view, {.op = ReduceOp::kSum}).Wait(),
            Status::Ok());
  EXPECT_EQ(values[0], static_cast<float>(session.size()));
}

void ExpectSame(const std::vector<Status>& statuses) {
  for (const Status& status : statuses) EXPECT_EQ(status, statuses.front());
}

TEST_P(SessionMemory, RefusesAnAllocationOnAllRanks) {
  std::vector<Status> statuses(static_cast<std::size_t>(GetParam()));
  RunSessions(GetParam(), [&](Session& session) {
    const auto memory = session.Allocate(static_cast<std::size_t>(kTooMuch));
    statuses[static_cast<std::size_t>(session.rank())] = memory.status();
    ExpectWorks(session);
  });
  ExpectSame(statuses);
  EXPECT_EQ(statuses[0].code(), StatusCode::kUnavailable);
  EXPECT_THAT(statuses[0].message(), HasSubstr("no room for"));
}

// Each rank's share alone would fit, and taking it would end in a killed process.
TEST_P(SessionMemory, RefusesWhatAllRanksTogetherHaveNoRoomFor) {
  if (GetParam() == 1) GTEST_SKIP() << "needs ranks that share a host";
  const auto size_bytes = static_cast<std::size_t>(AvailableMemoryBytes() / 4 * 3);
  std::vector<Status> statuses(static_cast<std::size_t>(GetParam()));
  RunSessions(GetParam(), [&](Session& session) {
    statuses[static_cast<std::size_t>(session.rank())] = session.Allocate(size_bytes).status();
    ExpectWorks(session);
  });
  ExpectSame(statuses);
  EXPECT_EQ(statuses[0].code(), StatusCode::kUnavailable);
}

TEST_P(SessionMemory, RefusesAResultOfAllgatherOnAllRanks) {
  std::vector<Status> statuses(static_cast<std::size_t>(GetParam()));
  RunSessions(GetParam(), [&](Session& session) {
    // Never read: the result is refused before anything moves. One rank alone gives too much.
    std::byte byte{};
    const TensorView view(&byte, DataType::kUInt8, {session.rank() == 0 ? kTooMuch : 1});
    statuses[static_cast<std::size_t>(session.rank())] = session.AllgatherAsync("g", view).Wait();
    ExpectWorks(session);
  });
  ExpectSame(statuses);
  EXPECT_EQ(statuses[0].code(), StatusCode::kUnavailable);
  EXPECT_THAT(statuses[0].message(), HasSubstr("allgather 'g'"));
  EXPECT_THAT(statuses[0].message(), HasSubstr("more memory than is available"));
}

TEST_P(SessionMemory, RefusesAResultOfAlltoallOnAllRanks) {
  std::vector<Status> statuses(static_cast<std::size_t>(GetParam()));
  RunSessions(GetParam(), [&](Session& session) {
    // All of it to the last rank: the others' results are small.
    std::byte byte{};
    const TensorView view(&byte, DataType::kUInt8, {kTooMuch});
    std::vector<std::int64_t> splits(static_cast<std::size_t>(session.size()));
    splits.back() = kTooMuch;
    statuses[static_cast<std::size_t>(session.rank())] =
        session.AlltoallAsync("a", view, splits).Wait();
    ExpectWorks(session);
  });
  ExpectSame(statuses);
  EXPECT_EQ(statuses[0].code(), StatusCode::kUnavailable);
  EXPECT_THAT(statuses[0].message(), HasSubstr("alltoall 'a'"));
}

}  // namespace
}  // namespace ronde
