#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/base/strcat.h"
#include "frontends/session/session.h"
#include "tests/frontends/session/run_sessions.h"

namespace ronde {
namespace {

using Tensors = std::vector<std::vector<float>>;

constexpr AllreduceOptions kAdasum = {.op = ReduceOp::kAdasum};
const std::vector<std::size_t> kCounts = {5, 0, 1000, 16, 1, 40000};

// Partly the same on all ranks, so that tensors are neither orthogonal nor parallel.
Tensors Values(int rank) {
  Tensors tensors;
  for (const std::size_t count : kCounts) {
    std::vector<float>& tensor = tensors.emplace_back(count);
    for (std::size_t i = 0; i < count; ++i) {
      tensor[i] = 1 + std::sin(static_cast<float>((i + tensors.size()) * (rank + 1)));
    }
  }
  return tensors;
}

TensorView ViewOf(std::vector<float>& values) {
  return {values.data(), DataType::kFloat32, {static_cast<std::int64_t>(values.size())}};
}

std::vector<TensorView> ViewsOf(Tensors& tensors) {
  std::vector<TensorView> views;
  for (std::vector<float>& tensor : tensors) views.push_back(ViewOf(tensor));
  return views;
}

// One at a time: nothing to be fused with.
Tensors Singly(Session& session) {
  Tensors tensors = Values(session.rank());
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const TensorView view = ViewOf(tensors[i]);
    const Status status = session.AllreduceAsync(StrCat("single", i), view, view, kAdasum).Wait();
    EXPECT_TRUE(status.ok()) << status.ToString();
  }
  return tensors;
}

class SessionAdasum : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Ranks, SessionAdasum, testing::Values(1, 2, 3, 4));

TEST_P(SessionAdasum, WhatIsSubmittedTogetherIsReducedTensorByTensor) {
  RunSessions(GetParam(), [](Session& session) {
    const Tensors expected = Singly(session);
    Tensors together = Values(session.rank());
    std::vector<Handle> handles;
    for (std::size_t i = 0; i < together.size(); ++i) {
      const TensorView view = ViewOf(together[i]);
      handles.push_back(session.AllreduceAsync(StrCat("t", i), view, view, kAdasum));
    }
    for (const Handle& handle : handles) EXPECT_TRUE(handle.Wait().ok());
    EXPECT_EQ(together == expected, true);
  });
}

TEST_P(SessionAdasum, AGroupIsReducedMemberByMember) {
  for (const char* threshold_bytes : {"0", "512", "64M"}) {
    Config config;
    ASSERT_TRUE(
        config.Set(Setting::kFusionThresholdBytes, threshold_bytes, SettingOrigin::kProgram).ok());
    const auto body = [](Session& session) {
      Tensors group = Values(session.rank());
      const Status status =
          session.GroupedAllreduceAsync("group", ViewsOf(group), ViewsOf(group), kAdasum).Wait();
      EXPECT_TRUE(status.ok()) << status.ToString();
      EXPECT_EQ(group == Singly(session), true);
    };
    RunSessions(GetParam(), body, config);
  }
}

TEST_P(SessionAdasum, AGroupInRegisteredMemoryToo) {
  RunSessions(GetParam(), [](Session& session) {
    const Tensors values = Values(session.rank());
    std::size_t floats = 0;
    for (const auto& tensor : values) floats += (tensor.size() + 15) / 16 * 16;
    auto memory = session.Allocate(floats * sizeof(float));
    ASSERT_TRUE(memory.ok()) << memory.status().ToString();
    auto* place = reinterpret_cast<float*>(memory.value().get());
    std::vector<TensorView> views;
    for (const auto& tensor : values) {
      const std::size_t padded = (tensor.size() + 15) / 16 * 16;
      std::copy(tensor.begin(), tensor.end(), place);
      TensorView view = {place, DataType::kFloat32, {static_cast<std::int64_t>(tensor.size())}};
      view.padding_bytes = (padded - tensor.size()) * sizeof(float);
      views.push_back(view);
      place += padded;
    }
    const Status status = session.GroupedAllreduceAsync("group", views, views, kAdasum).Wait();
    EXPECT_TRUE(status.ok()) << status.ToString();
    const Tensors expected = Singly(session);
    for (std::size_t i = 0; i < views.size(); ++i) {
      EXPECT_EQ(std::memcmp(views[i].data, expected[i].data(), views[i].size_bytes()), 0) << i;
    }
  });
}

TEST_P(SessionAdasum, IntegersAreRefusedInTheSameWordsAndTheJobGoesOn) {
  RunSessions(GetParam(), [](Session& session) {
    std::vector<std::int32_t> integers(3, 1);
    const TensorView view = {integers.data(), DataType::kInt32, {3}};
    const Status status = session.AllreduceAsync("counts", view, view, kAdasum).Wait();
    EXPECT_EQ(status, Status::InvalidArgument("tensor 'counts': operator adasum needs a "
                                              "floating-point type, not int32; use average or "
                                              "sum"));
    Singly(session);
  });
}

TEST(SessionAdasum, RunsWhateverAlgorithmIsNamedForSums) {
  Config config;
  ASSERT_TRUE(config.Set(Setting::kAllreduceAlgorithm, "ring", SettingOrigin::kProgram).ok());
  const auto body = [](Session& session) { Singly(session); };
  RunSessions(3, body, config);
}

}  // namespace
}  // namespace ronde
