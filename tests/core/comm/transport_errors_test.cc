#include "core/comm/transport_errors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ronde {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(TransportErrors, TimeoutNamesBothRanksAndTheHost) {
  const Status status = PeerTimeout(0, 1.04, "for data from", {1, "node7"});
  EXPECT_EQ(status.code(), StatusCode::kTimeout);
  EXPECT_THAT(status.message(),
              StartsWith("rank 0 waited 1.0 s for data from rank 1 (host node7);"));
  EXPECT_THAT(status.message(), HasSubstr("--timeout-s"));
}

TEST(TransportErrors, SizeMismatchSaysExpectedAndGot) {
  EXPECT_THAT(SizeMismatch(0, {1, "a"}, 7, 100, 96).message(),
              HasSubstr("expected 100 bytes with tag 7 from rank 1 (host a) and got 96"));
  EXPECT_THAT(SizeMismatch(0, {1, "a"}, 7, 100, std::nullopt).message(), HasSubstr("got more"));
}

}  // namespace
}  // namespace ronde
