#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "frontends/session/session.h"
#include "tests/frontends/session/run_sessions.h"

namespace ronde {

template <typename Value>
constexpr DataType kTypeOf = DataType::kFloat32;
template <>
constexpr DataType kTypeOf<std::int64_t> = DataType::kInt64;

template <typename Value>
TensorView View(std::vector<Value>& values, Shape shape) {
  return {values.data(), kTypeOf<Value>, std::move(shape)};
}

/// So many floats that it matters to collectives where they lie, also with more ranks than cores.
inline constexpr std::int64_t kEnoughForPlaces = 100'003;

/// Sessions on a given number of ranks, which survive every test.
class BlockSessions : public ::testing::TestWithParam<int> {
 protected:
  /// `body` on every rank; then the job must still work, and have no failure.
  void Run(const std::function<void(Session&)>& body) const {
    RunSessions(GetParam(), [&](Session& session) {
      body(session);
      std::vector<float> one = {1};
      const TensorView view = View(one, {1});
      EXPECT_TRUE(session.AllreduceAsync("after", view, view, {.op = ReduceOp::kSum}).Wait().ok());
      EXPECT_EQ(one[0], static_cast<float>(session.size()));
    });
  }
};

/// Expects the same status on all ranks, with a text that has `part`.
inline void ExpectEverywhere(Session& session, const Status& status, StatusCode code,
                             const std::string& part) {
  EXPECT_EQ(status.code(), code) << status.message();
  EXPECT_THAT(status.message(), ::testing::HasSubstr(part));
  const Status agreed = session.AgreeOnStatus(status);
  EXPECT_EQ(agreed, status) << "rank " << session.rank();
}

}  // namespace ronde
