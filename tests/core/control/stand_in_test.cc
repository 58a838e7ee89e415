#include "core/control/stand_in.h"

#include <array>
#include <functional>

#include <gtest/gtest.h>

namespace ronde {
namespace {

constexpr std::array<int, 2> kJoined = {1, 3};

Request RequestOf(OperationKind kind, ReduceOp op = ReduceOp::kSum) {
  Request request;
  request.kind = kind;
  request.name = "w";
  request.op = op;
  request.shape = {5, 2};
  return request;
}

StatusCode Check(const Request& request, bool root_joined = false) {
  return CheckJoined(request, kJoined, root_joined).code();
}

TEST(CheckJoined, ZerosStandInForSumsAndAverages) {
  using enum ReduceOp;
  for (const OperationKind kind : {OperationKind::kAllreduce, OperationKind::kReducescatter}) {
    EXPECT_EQ(Check(RequestOf(kind, kSum)), StatusCode::kOk);
    EXPECT_EQ(Check(RequestOf(kind, kAverage)), StatusCode::kOk);
    for (const ReduceOp op : {kMin, kMax, kProduct, kAdasum}) {
      EXPECT_EQ(Check(RequestOf(kind, op)), StatusCode::kInvalidArgument) << Name(op);
    }
  }
}

TEST(CheckJoined, OtherKindsHaveAMeaningOrAClearError) {
  using enum OperationKind;
  EXPECT_EQ(Check(RequestOf(kBarrier)), StatusCode::kOk);
  EXPECT_EQ(Check(RequestOf(kAllgather)), StatusCode::kOk);
  Request into = RequestOf(kAllgather);
  into.into_output = true;
  EXPECT_EQ(Check(into), StatusCode::kInvalidArgument);
  EXPECT_EQ(Check(RequestOf(kBroadcast)), StatusCode::kOk);
  EXPECT_EQ(Check(RequestOf(kBroadcast), true), StatusCode::kInvalidArgument);
  for (const OperationKind kind :
       {kAlltoall, kModelAverage, kAllocate, kAddProcessSet, kRemoveProcessSet}) {
    EXPECT_EQ(Check(RequestOf(kind)), StatusCode::kInvalidArgument) << Name(kind);
  }
}

TEST(CheckJoined, NamesTensorRanksAndRemedy) {
  const std::string several =
      CheckJoined(RequestOf(OperationKind::kAlltoall), kJoined, false).message();
  EXPECT_EQ(several,
            "tensor 'w': ranks 1, 3 have joined, and there is no alltoall without data of all "
            "ranks; wait until all ranks have joined");
  const std::string one = CheckJoined(RequestOf(OperationKind::kAllreduce, ReduceOp::kMax),
                                      std::span(kJoined).first(1), false)
                              .message();
  EXPECT_TRUE(one.starts_with("tensor 'w': rank 1 has joined, and")) << one;
  EXPECT_NE(one.find("operator max"), std::string::npos) << one;
}

TEST(StandIn, AsksForTheSameWithoutBuffersOrRowsOfItsOwn) {
  Request request = RequestOf(OperationKind::kReducescatter);
  request.postscale = 3;
  request.process_set = 2;
  const Request same = request;
  request.input_place = {.block = 1, .offset = 64};
  request.output_place = {.block = 1, .offset = 64};
  request.objection = "its output is too short";
  EXPECT_EQ(StandInFor(request), same);

  Request gather = RequestOf(OperationKind::kAllgather);
  EXPECT_EQ(StandInFor(gather).shape, (Shape{0, 2}));
  gather.shape = {};  // refused later, as it would be without the join
  EXPECT_EQ(StandInFor(gather).shape, Shape{});
}

Response Agreed(Request request) {
  Response response;
  response.request = std::move(request);
  return response;
}

TEST(StandInBuffers, AreZerosToReadAndRoomToWrite) {
  StandInBuffers buffers;
  const Response large = Agreed(RequestOf(OperationKind::kAllreduce));
  Response small = large;
  small.request.shape = {3};
  for (const Response& response : {large, small}) buffers.Reserve(response);
  for (const Response& response : {large, small}) {
    const TensorEntry entry = buffers.EntryFor(response, 1, 4);
    EXPECT_EQ(entry.input.shape, response.request.shape);
    EXPECT_EQ(entry.output.shape, response.request.shape);
    auto* const output = static_cast<float*>(entry.output.data);
    const auto* const input = static_cast<const float*>(entry.input.data);
    for (int i = 0; i < entry.input.count(); ++i) EXPECT_EQ(input[i], 0);
    for (int i = 0; i < entry.output.count(); ++i) output[i] = 7;
    for (int i = 0; i < entry.input.count(); ++i) EXPECT_EQ(input[i], 0) << "must not share pages";
  }
}

TEST(StandInBuffers, AReducescatterHasTheBlockOfItsRank) {
  StandInBuffers buffers;
  const Response response = Agreed(RequestOf(OperationKind::kReducescatter));
  buffers.Reserve(response);
  EXPECT_EQ(buffers.EntryFor(response, 0, 4).output.shape, (Shape{2, 2}));
  EXPECT_EQ(buffers.EntryFor(response, 1, 4).output.shape, (Shape{1, 2}));
  EXPECT_EQ(buffers.EntryFor(response, 1, 4).input.shape, (Shape{5, 2}));
}

TEST(StandInBuffers, AnAllgatherHasNoRowsHoweverManyTheOthersHave) {
  StandInBuffers buffers;
  Response response = Agreed(RequestOf(OperationKind::kAllgather));
  response.request.shape = {1LL << 50, 2};
  buffers.Reserve(response);
  EXPECT_EQ(buffers.EntryFor(response, 0, 2).input.count(), 0);
}

TEST(StandInBuffers, MembersOfAGroupAreEachLargeEnough) {
  StandInBuffers buffers;
  Response response = Agreed(RequestOf(OperationKind::kAllreduce));
  response.request.shape = {9};
  response.request.group_counts = {4, 0, 5};
  buffers.Reserve(response);
  const TensorEntry entry = buffers.EntryFor(response, 0, 2);
  ASSERT_EQ(entry.group.size(), 3u);
  for (const GroupMember& member : entry.group) {
    for (int i = 0; i < 5; ++i) {
      EXPECT_EQ(static_cast<const float*>(member.input)[i], 0);
      static_cast<float*>(member.output)[i] = 1;
    }
  }
}

TEST(StandInBuffers, NeedNoRoomForWhatHasFailed) {
  StandInBuffers buffers;
  Response response = Agreed(RequestOf(OperationKind::kAllreduce));
  response.request.shape = {1LL << 58};
  response.error = Status::Mismatch("they differ");
  buffers.Reserve(response);  // would end the process
}

}  // namespace
}  // namespace ronde
