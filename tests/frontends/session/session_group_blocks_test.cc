#include <cstdint>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/strcat.h"
#include "frontends/session/session.h"
#include "tests/frontends/session/block_sessions.h"

namespace ronde {
namespace {

using testing::HasSubstr;

class SessionGroupBlocks : public BlockSessions {};
INSTANTIATE_TEST_SUITE_P(Ranks, SessionGroupBlocks, testing::Values(1, 2, 3, 4));

TEST_P(SessionGroupBlocks, GathersEveryMember) {
  Run([](Session& session) {
    const int size = session.size();
    std::vector<float> floats(3, static_cast<float>(session.rank()));
    std::vector<std::int64_t> wide(static_cast<std::size_t>(session.rank()), session.rank());
    const std::vector<Handle> handles =
        session.GroupedAllgatherAsync("group", {View(floats, {3}), View(wide, {session.rank()})});
    ASSERT_EQ(handles.size(), 2U);
    for (const Handle& handle : handles) ASSERT_TRUE(handle.Wait().ok()) << handle.Wait().message();
    EXPECT_EQ(handles[0].result().gathered_shape, Shape{3 * size});
    EXPECT_EQ(handles[1].result().gathered_shape, Shape{size * (size - 1) / 2});

    std::vector<float> all(static_cast<std::size_t>(3 * size));
    std::vector<std::int64_t> one = {session.rank()};
    std::vector<std::int64_t> ones(static_cast<std::size_t>(size));
    for (const Handle& handle :
         session.GroupedAllgatherAsync("group", {View(floats, {3}), View(one, {1})},
                                       {View(all, {3 * size}), View(ones, {size})})) {
      EXPECT_TRUE(handle.Wait().ok()) << handle.Wait().message();
    }
    EXPECT_EQ(all.back(), static_cast<float>(size - 1));
    for (int i = 0; i < size; ++i) EXPECT_EQ(ones[static_cast<std::size_t>(i)], i);
  });
}

TEST_P(SessionGroupBlocks, ReducesAndDealsEveryMember) {
  Run([](Session& session) {
    const int size = session.size();
    std::vector<float> first(static_cast<std::size_t>(size), 1);
    std::vector<std::int64_t> second(static_cast<std::size_t>(2 * size), 2);
    std::vector<float> row = {-1};
    std::vector<std::int64_t> rows = {-1, -1};
    const std::vector<Handle> handles = session.GroupedReducescatterAsync(
        "group", {View(first, {size}), View(second, {2 * size})}, {View(row, {1}), View(rows, {2})},
        {.op = ReduceOp::kSum});
    ASSERT_EQ(handles.size(), 2U);
    for (const Handle& handle : handles) EXPECT_TRUE(handle.Wait().ok()) << handle.Wait().message();
    EXPECT_EQ(row[0], static_cast<float>(size));
    EXPECT_EQ(rows, (std::vector<std::int64_t>{2 * size, 2 * size}));
  });
}

TEST_P(SessionGroupBlocks, OneMembersMistakeFailsAllOfThemOnAllRanks) {
  Run([](Session& session) {
    const int size = session.size();
    const bool odd = session.rank() == size - 1;
    std::vector<float> whole(static_cast<std::size_t>(size), 1);
    std::vector<float> row(2, -1);
    // The last rank's second output is too large.
    const std::vector<Handle> handles = session.GroupedReducescatterAsync(
        "group", {View(whole, {size}), View(whole, {size})},
        {View(row, {1}), View(row, {odd ? 2 : 1})}, {.op = ReduceOp::kSum});
    ASSERT_EQ(handles.size(), 2U);
    for (const Handle& handle : handles) {
      ExpectEverywhere(session, handle.Wait(), StatusCode::kInvalidArgument, "group/1");
    }
    EXPECT_EQ(row, std::vector<float>(2, -1));
  });
}

TEST_P(SessionGroupBlocks, RunNothingBeforeAllMembersAreThere) {
  Run([](Session& session) {
    if (session.size() == 1) return;
    std::vector<float> value = {1};
    const TensorView view = View(value, {1});
    const auto group = [&] { return session.GroupedAllgatherAsync("group", {view, view}); };
    std::vector<Handle> handles;
    if (session.rank() == 0) handles = group();
    EXPECT_TRUE(session.BarrierAsync("before").Wait().ok());
    for (const Handle& handle : handles) EXPECT_FALSE(handle.Poll());
    EXPECT_TRUE(session.BarrierAsync("behind").Wait().ok());
    if (session.rank() != 0) handles = group();
    for (const Handle& handle : handles) EXPECT_TRUE(handle.Wait().ok());
  });
}

TEST(SessionGroupBlocks, RefuseWhatIsNoGroup) {
  RunSessions(1, [](Session& session) {
    std::vector<float> value = {1};
    const TensorView view = View(value, {1});
    const TensorView null(nullptr, DataType::kFloat32, {1});
    const TensorView negative(value.data(), DataType::kFloat32, {-1});
    const std::vector<TensorView> none;
    for (const std::vector<Handle>& handles :
         {session.GroupedAllgatherAsync("g", none),
          session.GroupedAllgatherAsync("g", {view}, none),
          session.GroupedAllgatherAsync("g", {view, null}),
          session.GroupedAllgatherAsync("g", {view, negative}),
          session.GroupedReducescatterAsync("g", {view}, {view, view}),
          session.GroupedReducescatterAsync("g", {view, view}, {view, null})}) {
      ASSERT_FALSE(handles.empty());
      for (const Handle& handle : handles) {
        EXPECT_EQ(handle.Wait().code(), StatusCode::kInvalidArgument) << handle.Wait().message();
        EXPECT_THAT(handle.Wait().message(), HasSubstr("'g"));
      }
    }
  });
}

}  // namespace
}  // namespace ronde
