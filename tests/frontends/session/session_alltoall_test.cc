#include <cstdint>
#include <cstring>
#include <vector>

#include "tests/frontends/session/block_sessions.h"

namespace ronde {
namespace {

class SessionAlltoall : public BlockSessions {};
INSTANTIATE_TEST_SUITE_P(Ranks, SessionAlltoall, ::testing::Values(1, 2, 3, 4, 5));

// Rank r sends (r + 2 to) mod 4 rows of two to rank `to`, each value telling both.
std::int64_t RowsBetween(int from, int to) { return (from + 2 * to) % 4; }

TEST_P(SessionAlltoall, BringsEveryBlockWhereItBelongs) {
  Run([](Session& session) {
    const int rank = session.rank();
    std::vector<float> input;
    std::vector<std::int64_t> splits;
    std::vector<float> expected;
    std::vector<std::int64_t> received;
    for (int peer = 0; peer < session.size(); ++peer) {
      splits.push_back(RowsBetween(rank, peer));
      received.push_back(RowsBetween(peer, rank));
      input.insert(input.end(), 2 * static_cast<std::size_t>(splits.back()),
                   static_cast<float>(100 * rank + peer));
      expected.insert(expected.end(), 2 * static_cast<std::size_t>(received.back()),
                      static_cast<float>(100 * peer + rank));
    }
    const auto rows = static_cast<std::int64_t>(input.size() / 2);
    for (int call = 0; call < 3; ++call) {
      const Handle handle = session.AlltoallAsync("x", View(input, {rows, 2}), splits);
      ASSERT_TRUE(handle.Wait().ok()) << handle.Wait().message();
      const OperationResult& result = handle.result();
      EXPECT_EQ(result.rank_extents, received);
      EXPECT_EQ(result.gathered_shape, (Shape{static_cast<std::int64_t>(expected.size() / 2), 2}));
      ASSERT_EQ(result.gathered.size(), expected.size() * sizeof(float));
      if (expected.empty()) continue;
      EXPECT_EQ(std::memcmp(result.gathered.data(), expected.data(), result.gathered.size()), 0);
    }
  });
}

TEST_P(SessionAlltoall, FromRegisteredMemory) {
  Run([](Session& session) {
    constexpr std::int64_t kRows = kEnoughForPlaces / 2;  // for each rank
    const int size = session.size();
    const auto memory = session.Allocate(kRows * sizeof(float) * static_cast<std::size_t>(size));
    ASSERT_TRUE(memory.ok());
    auto* const values = reinterpret_cast<float*>(memory.value().get());
    for (std::int64_t i = 0; i < kRows * size; ++i) {
      values[i] = static_cast<float>(100 * session.rank() + i / kRows);
    }
    const std::vector<std::int64_t> splits(static_cast<std::size_t>(size), kRows);
    const Handle handle =
        session.AlltoallAsync("x", {values, DataType::kFloat32, {kRows * size}}, splits);
    ASSERT_TRUE(handle.Wait().ok());
    const auto* const got = reinterpret_cast<const float*>(handle.result().gathered.data());
    for (std::int64_t i = 0; i < kRows * size; ++i) {
      ASSERT_EQ(got[i], static_cast<float>(100 * (i / kRows) + session.rank()));
    }
  });
}

TEST_P(SessionAlltoall, OfNothingDeliversNothing) {
  Run([](Session& session) {
    const std::vector<std::int64_t> none(static_cast<std::size_t>(session.size()), 0);
    const Handle handle = session.AlltoallAsync("x", {nullptr, DataType::kFloat32, {0, 4}}, none);
    ASSERT_TRUE(handle.Wait().ok()) << handle.Wait().message();
    EXPECT_TRUE(handle.result().gathered.empty());
    EXPECT_EQ(handle.result().gathered_shape, (Shape{0, 4}));
    EXPECT_EQ(handle.result().rank_extents, none);
  });
}

TEST_P(SessionAlltoall, WrongSplitsOfOneRankAreTheSameErrorOnAllRanks) {
  Run([](Session& session) {
    const auto size = static_cast<std::size_t>(session.size());
    const bool odd = session.rank() == session.size() - 1;
    std::vector<float> input(size);
    const std::vector<std::int64_t> right(size, 1);
    std::vector<std::vector<std::int64_t>> wrong(4, right);
    wrong[0].push_back(0);
    wrong[1].pop_back();
    wrong[2].back() = 2;
    wrong[3].back() = -1;
    for (const auto& splits : wrong) {
      const TensorView view = View(input, {session.size()});
      const Status status = session.AlltoallAsync("x", view, odd ? splits : right).Wait();
      ExpectEverywhere(session, status, StatusCode::kInvalidArgument, "the splits are ");
    }
  });
}

TEST_P(SessionAlltoall, OfDifferentTensorsIsTheSameMismatchOnAllRanks) {
  Run([](Session& session) {
    if (session.size() == 1) return;
    const bool odd = session.rank() == session.size() - 1;
    const auto size = static_cast<std::size_t>(session.size());
    const std::vector<std::int64_t> splits(size, 1);
    std::vector<float> input(2 * size);
    std::vector<std::int64_t> whole(2 * size);
    const TensorView view = View(input, {session.size(), 2});
    const TensorView other_row = View(input, {session.size()});
    const TensorView other_type = View(whole, {session.size(), 2});
    for (const TensorView& other : {other_row, other_type}) {
      const Status status = session.AlltoallAsync("x", odd ? other : view, splits).Wait();
      ExpectEverywhere(session, status, StatusCode::kMismatch, "tensor 'x'");
    }
    const Handle handle =
        odd ? session.BarrierAsync("x") : session.AlltoallAsync("x", view, splits);
    ExpectEverywhere(session, handle.Wait(), StatusCode::kMismatch, "operations must be equal");
  });
}

}  // namespace
}  // namespace ronde
