#include "core/base/status.h"

#include <memory>

#include <gtest/gtest.h>

namespace ronde {
namespace {

TEST(Status, DefaultIsOk) {
  EXPECT_TRUE(Status().ok());
  EXPECT_EQ(Status(), Status::Ok());
  EXPECT_EQ(Status().ToString(), "OK");
}

TEST(Status, KeepsCodeAndMessage) {
  const Status status = Status::Timeout("rank 1 is late");
  EXPECT_FALSE(status.ok());
  EXPECT_EQ(status.code(), StatusCode::kTimeout);
  EXPECT_EQ(status.message(), "rank 1 is late");
  EXPECT_EQ(status.ToString(), "TIMEOUT: rank 1 is late");
}

TEST(Status, SuccessIsAPointerWithoutAnything) {
  static_assert(sizeof(Status) == sizeof(void*));
  const Status status(StatusCode::kOk, "said of nothing");
  EXPECT_TRUE(status.ok());
  EXPECT_EQ(status.message(), "");
  EXPECT_EQ(status, Status::Ok());
}

TEST(Status, CopiesStandOnTheirOwn) {
  Status first = Status::Aborted("rank 2 failed");
  const Status copy = first;
  first = Status::Timeout("later");
  EXPECT_EQ(copy, Status::Aborted("rank 2 failed"));
  first = copy;
  EXPECT_EQ(first, copy);
  const Status& same = first;
  first = same;
  EXPECT_EQ(first, copy);
  first = Status::Ok();
  EXPECT_TRUE(first.ok());
  EXPECT_FALSE(first == copy);
}

TEST(Status, CodesAreThoseOfTheAbi) {
  EXPECT_EQ(static_cast<int>(StatusCode::kOk), 0);
  EXPECT_EQ(static_cast<int>(StatusCode::kInvalidArgument), 1);
  EXPECT_EQ(static_cast<int>(StatusCode::kMismatch), 2);
  EXPECT_EQ(static_cast<int>(StatusCode::kDuplicateName), 3);
  EXPECT_EQ(static_cast<int>(StatusCode::kTimeout), 4);
  EXPECT_EQ(static_cast<int>(StatusCode::kAborted), 5);
  EXPECT_EQ(static_cast<int>(StatusCode::kShutdown), 6);
  EXPECT_EQ(static_cast<int>(StatusCode::kUnavailable), 7);
  EXPECT_EQ(static_cast<int>(StatusCode::kInternal), 8);
  EXPECT_EQ(StatusCodeName(static_cast<StatusCode>(99)), "UNKNOWN");
}

TEST(Status, BadInputAndMissingPartsExitWithTwo) {
  EXPECT_EQ(ExitCodeFor(Status::Ok()), 0);
  EXPECT_EQ(ExitCodeFor(Status::InvalidArgument("x")), 2);
  EXPECT_EQ(ExitCodeFor(Status::Unavailable("x")), 2);
  EXPECT_EQ(ExitCodeFor(Status::Aborted("x")), 1);
  EXPECT_EQ(ExitCodeFor(Status::Internal("x")), 1);
}

TEST(Status, ErrorCarriesIt) {
  const Error error(Status::Mismatch("shapes differ"));
  EXPECT_STREQ(error.what(), "shapes differ");
  EXPECT_EQ(error.code(), StatusCode::kMismatch);
}

Result<std::unique_ptr<int>> MakeInt(bool works) {
  if (!works) return Status::Unavailable("no int today");
  return std::make_unique<int>(7);
}

Status UseInt(bool works, int* out) {
  RONDE_ASSIGN_OR_RETURN(const std::unique_ptr<int> value, MakeInt(works));
  RONDE_RETURN_IF_ERROR(Status::Ok());
  *out = *value;
  return Status::Ok();
}

TEST(Result, HoldsAMoveOnlyValueOrTheReasonThatThereIsNone) {
  EXPECT_TRUE(MakeInt(true).ok());
  EXPECT_EQ(*MakeInt(true).value(), 7);
  EXPECT_EQ(MakeInt(false).status(), Status::Unavailable("no int today"));
}

TEST(Result, MacrosPassFailuresOn) {
  int value = 0;
  EXPECT_EQ(UseInt(true, &value), Status::Ok());
  EXPECT_EQ(value, 7);
  value = 0;
  EXPECT_EQ(UseInt(false, &value).code(), StatusCode::kUnavailable);
  EXPECT_EQ(value, 0);
}

}  // namespace
}  // namespace ronde
