#include "core/control/agreement.h"

#include <cmath>
#include <cstdint>
#include <functional>
#include <numeric>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace ronde {
namespace {

/// With ranks 0, 1, ...
Response AgreeInWorld(std::vector<Request> requests) {
  std::vector<int> ranks(requests.size());
  std::iota(ranks.begin(), ranks.end(), 0);
  return Agree(std::move(requests), ranks);
}

Request Conv1(OperationKind kind = OperationKind::kAllreduce) {
  Request request;
  request.kind = kind;
  request.name = "conv1.weight";
  request.shape = {64, 3};
  if (kind == OperationKind::kModelAverage) request.window = {.period = 4, .origin = 0, .step = 8};
  return request;
}

/// All of `size` ranks ask for `request`, but `odd_rank` for what `change` makes of it.
Status ErrorOf(Request request, const std::function<void(Request&)>& change, int odd_rank = 1,
               int size = 2) {
  std::vector<Request> requests(size, request);
  change(requests[odd_rank]);
  return AgreeInWorld(std::move(requests)).error;
}

Status ErrorOfAll(Request request, const std::function<void(Request&)>& change, int size = 2) {
  change(request);
  return AgreeInWorld(std::vector<Request>(size, request)).error;
}

TEST(Agree, EqualRequestsAreAgreed) {
  for (int size : {1, 2, 3, 8}) {
    const Response response = AgreeInWorld(std::vector<Request>(size, Conv1()));
    EXPECT_TRUE(response.error.ok());
    EXPECT_EQ(response.request, Conv1());
    EXPECT_TRUE(response.rank_extents.empty());
  }
}

TEST(Agree, ShapeMismatchNamesTensorRanksExpectedAndGot) {
  const Status error = ErrorOf(Conv1(), [](Request& r) { r.shape = {64, 4}; });
  EXPECT_EQ(error, Status::Mismatch("tensor 'conv1.weight': rank 0 submitted float32 [64, 3] but "
                                    "rank 1 submitted float32 [64, 4]; shapes must be equal on "
                                    "all ranks"));
}

TEST(Agree, MembersOfAGroupMustBeEqual) {
  Request group = Conv1();
  group.shape = {6};
  group.group_counts = {4, 2};
  EXPECT_EQ(ErrorOf(group,
                    [](Request& r) {
                      r.group_counts = {5, 1};
                    }),
            Status::Mismatch("tensor 'conv1.weight': rank 0 submitted float32 in a group of [4, 2] "
                             "elements but rank 1 submitted float32 in a group of [5, 1] elements; "
                             "shapes must be equal on all ranks"));
  EXPECT_EQ(ErrorOf(group, [](Request& r) { r.group_counts.clear(); }).code(),
            StatusCode::kMismatch);
}

TEST(Agree, PlacesAreKeptWhereAllRanksSaidTheSame) {
  Request request = Conv1();
  request.input_place = {.block = 1, .offset = 64};
  request.output_place = {.block = 2, .offset = 0};
  std::vector<Request> requests(3, request);
  EXPECT_EQ(AgreeInWorld(requests).request.output_place, request.output_place);
  requests[2].output_place = {};
  const Response response = AgreeInWorld(requests);
  EXPECT_TRUE(response.error.ok());
  EXPECT_EQ(response.request.input_place, request.input_place);
  EXPECT_FALSE(response.request.output_place.registered());
}

TEST(Agree, EveryFieldMustBeEqual) {
  const auto message = [](OperationKind kind, const std::function<void(Request&)>& change) {
    const Status error = ErrorOf(Conv1(kind), change, 2, 4);
    EXPECT_EQ(error.code(), StatusCode::kMismatch);
    return error.message();
  };
  using enum OperationKind;
  EXPECT_EQ(message(kAllreduce, [](Request& r) { r.kind = kBroadcast; }),
            "tensor 'conv1.weight': rank 0 submitted allreduce but rank 2 submitted broadcast; "
            "operations must be equal on all ranks");
  EXPECT_EQ(message(kAllreduce, [](Request& r) { r.dtype = DataType::kFloat16; }),
            "tensor 'conv1.weight': rank 0 submitted float32 [64, 3] but rank 2 submitted float16 "
            "[64, 3]; data types must be equal on all ranks");
  EXPECT_EQ(message(kAllreduce, [](Request& r) { r.op = ReduceOp::kMax; }),
            "tensor 'conv1.weight': rank 0 submitted operator sum but rank 2 submitted operator "
            "max; reduction operators must be equal on all ranks");
  EXPECT_EQ(message(kAllreduce, [](Request& r) { r.on_device = true; }),
            "tensor 'conv1.weight': rank 0 submitted host memory but rank 2 submitted device "
            "memory; memories must be equal on all ranks");
  EXPECT_EQ(message(kBroadcast, [](Request& r) { r.root = 1; }),
            "tensor 'conv1.weight': rank 0 submitted root 0 but rank 2 submitted root 1; roots "
            "must be equal on all ranks");
  EXPECT_EQ(message(kAllreduce, [](Request& r) { r.prescale = 0.1; }),
            "tensor 'conv1.weight': rank 0 submitted prescale 1 but rank 2 submitted prescale "
            "0.1; prescale factors must be equal on all ranks");
  EXPECT_EQ(message(kAllreduce, [](Request& r) { r.postscale = std::nextafter(1.0, 2.0); }),
            "tensor 'conv1.weight': rank 0 submitted postscale 1 but rank 2 submitted postscale "
            "1.0000000000000002; postscale factors must be equal on all ranks");
  EXPECT_EQ(message(kModelAverage, [](Request& r) { r.window.step = 12; }),
            "tensor 'conv1.weight': rank 0 submitted an average at step 8 with period 4 and "
            "origin 0 but rank 2 submitted an average at step 12 with period 4 and origin 0; "
            "average windows must be equal on all ranks");
}

TEST(Agree, AllgatherJoinsDifferentFirstDimensions) {
  std::vector<Request> requests(3, Conv1(OperationKind::kAllgather));
  requests[0].shape = {5, 3};
  requests[1].shape = {0, 3};
  requests[2].shape = {7, 3};
  const Response response = AgreeInWorld(requests);
  EXPECT_TRUE(response.error.ok());
  EXPECT_EQ(response.rank_extents, (std::vector<std::int64_t>{5, 0, 7}));
}

TEST(Agree, AllgatherNeedsTheOtherDimensionsEqual) {
  const Request gather = Conv1(OperationKind::kAllgather);
  const Status other = ErrorOf(gather, [](Request& r) { r.shape = {64, 4}; });
  EXPECT_EQ(other.code(), StatusCode::kMismatch);
  EXPECT_TRUE(other.message().ends_with("except in the first dimension")) << other.message();
  EXPECT_EQ(ErrorOf(gather, [](Request& r) { r.shape = {64}; }).code(), StatusCode::kMismatch);
  EXPECT_EQ(ErrorOf(gather, [](Request& r) { r.shape = {}; }).code(), StatusCode::kMismatch);
}

TEST(Agree, AllgatherRefusesScalarsAndOverflow) {
  const Request gather = Conv1(OperationKind::kAllgather);
  EXPECT_EQ(ErrorOfAll(gather, [](Request& r) { r.shape = {}; }).code(),
            StatusCode::kInvalidArgument);
  EXPECT_EQ(ErrorOfAll(gather,
                       [](Request& r) {
                         r.shape = {1LL << 60, 1};
                       })
                .code(),
            StatusCode::kInvalidArgument);
}

Request Exchange(std::int64_t rows, std::vector<std::int64_t> splits) {
  Request request = Conv1(OperationKind::kAlltoall);
  request.shape = {rows, 3};
  request.splits = std::move(splits);
  return request;
}

TEST(Agree, AlltoallListsTheBlocksOfAllRanks) {
  const Response response = AgreeInWorld({Exchange(3, {1, 2}), Exchange(5, {5, 0})});
  EXPECT_TRUE(response.error.ok()) << response.error.message();
  EXPECT_EQ(response.rank_extents, (std::vector<std::int64_t>{1, 2, 5, 0}));
}

TEST(Agree, AlltoallSplitsMustBeOneForEachRankAndAddUp) {
  const auto error = [](std::int64_t rows, std::vector<std::int64_t> splits) {
    const Response response =
        AgreeInWorld({Exchange(3, {1, 2}), Exchange(rows, std::move(splits))});
    EXPECT_TRUE(response.error.ok() || response.rank_extents.empty());
    return response.error;
  };
  EXPECT_TRUE(error(0, {0, 0}).ok());
  EXPECT_EQ(error(5, {2, 2}),
            Status::InvalidArgument("tensor 'conv1.weight': on rank 1 the splits are [2, 2], but 5 "
                                    "rows go to 2 ranks; give one number of rows for each rank, "
                                    "none negative, that add up to the rows of the input"));
  const StatusCode invalid = StatusCode::kInvalidArgument;
  EXPECT_EQ(error(5, {}).code(), invalid);
  EXPECT_EQ(error(5, {5}).code(), invalid);
  EXPECT_EQ(error(5, {2, 2, 1}).code(), invalid);
  EXPECT_EQ(error(5, {6, -1}).code(), invalid);
  EXPECT_EQ(error(5, {INT64_MAX, INT64_MAX}).code(), invalid);
  EXPECT_EQ(error(1LL << 60, {1LL << 60, 0}).code(), invalid) << "too many bytes";
}

TEST(Agree, AlltoallNeedsTheOtherDimensionsEqual) {
  const Status error = ErrorOf(Exchange(3, {1, 2}), [](Request& r) { r.shape = {3, 4}; });
  EXPECT_EQ(error.code(), StatusCode::kMismatch);
  EXPECT_TRUE(error.message().ends_with("except in the first dimension")) << error.message();
}

TEST(Agree, AnAllgatherIntoAnOutputNeedsTheFirstDimensionEqualAsWell) {
  Request into = Conv1(OperationKind::kAllgather);
  into.into_output = true;
  EXPECT_EQ(ErrorOf(into,
                    [](Request& r) {
                      r.shape = {63, 3};
                    }),
            Status::Mismatch("tensor 'conv1.weight': rank 0 submitted float32 [64, 3] but rank 1 "
                             "submitted float32 [63, 3]; shapes must be equal on all ranks"));
  EXPECT_EQ(ErrorOf(into, [](Request& r) { r.into_output = false; }),
            Status::Mismatch("tensor 'conv1.weight': rank 0 submitted allgather into a given "
                             "output but rank 1 submitted allgather without an output; "
                             "destinations must be equal on all ranks"));
}

TEST(Agree, ReducescatterNeedsRowsAndAnElementwiseOperator) {
  const Request scatter = Conv1(OperationKind::kReducescatter);
  EXPECT_TRUE(AgreeInWorld({scatter, scatter}).error.ok());
  EXPECT_EQ(ErrorOf(scatter, [](Request& r) { r.shape = {63, 3}; }).code(), StatusCode::kMismatch);
  EXPECT_EQ(ErrorOfAll(scatter, [](Request& r) { r.shape = {}; }),
            Status::InvalidArgument("tensor 'conv1.weight': reducescatter works along the first "
                                    "dimension, but a scalar has none; submit it with shape [1]"));
  EXPECT_EQ(ErrorOfAll(scatter, [](Request& r) { r.op = ReduceOp::kAdasum; }).code(),
            StatusCode::kInvalidArgument);
}

TEST(Agree, AnObjectionOfOneRankReachesAll) {
  EXPECT_EQ(ErrorOf(
                Conv1(), [](Request& r) { r.objection = "its output is too short"; }, 2, 3),
            Status::InvalidArgument("tensor 'conv1.weight': on rank 2 its output is too short"));
}

TEST(Agree, RootsMustExist) {
  const auto error = [](int root) {
    return ErrorOfAll(Conv1(OperationKind::kBroadcast), [&](Request& r) { r.root = root; });
  };
  EXPECT_TRUE(error(1).ok());
  EXPECT_EQ(error(2), Status::InvalidArgument(
                          "tensor 'conv1.weight': root 2 does not exist; ranks are 0 to 1"));
  EXPECT_EQ(error(-1).code(), StatusCode::kInvalidArgument);
}

TEST(Agree, ScalingNeedsFloatingPointAndFiniteFactors) {
  const auto code = [](DataType dtype, double prescale, double postscale, ReduceOp op) {
    return ErrorOfAll(Conv1(),
                      [&](Request& r) {
                        r.dtype = dtype;
                        r.op = op;
                        r.prescale = prescale;
                        r.postscale = postscale;
                      })
        .code();
  };
  using enum StatusCode;
  EXPECT_EQ(code(DataType::kInt32, 0.5, 1, ReduceOp::kSum), kInvalidArgument);
  EXPECT_EQ(code(DataType::kUInt8, 1, 2, ReduceOp::kSum), kInvalidArgument);
  EXPECT_EQ(code(DataType::kInt64, 1, 1, ReduceOp::kAverage), kOk);
  EXPECT_EQ(code(DataType::kFloat16, 0.5, 2, ReduceOp::kAverage), kOk);
  EXPECT_EQ(code(DataType::kFloat16, 1, 1, ReduceOp::kAdasum), kOk);
  EXPECT_EQ(code(DataType::kInt32, 1, 1, ReduceOp::kAdasum), kInvalidArgument);
  EXPECT_EQ(code(DataType::kFloat32, NAN, 1, ReduceOp::kSum), kInvalidArgument);
  EXPECT_EQ(code(DataType::kFloat32, 1, INFINITY, ReduceOp::kSum), kInvalidArgument);
}

TEST(Agree, GroupsSetsAndMembersMustBeEqual) {
  Request member = Conv1();
  member.group = "g";
  member.group_size = 2;
  EXPECT_EQ(ErrorOf(member, [](Request& r) { r.group_size = 3; }),
            Status::Mismatch("tensor 'conv1.weight': rank 0 submitted group 'g' of 2 but rank 1 "
                             "submitted group 'g' of 3; groups must be equal on all ranks"));
  EXPECT_EQ(ErrorOf(member,
                    [](Request& r) {
                      r.group.clear();
                      r.group_size = 0;
                    })
                .message(),
            "tensor 'conv1.weight': rank 0 submitted group 'g' of 2 but rank 1 submitted no group; "
            "groups must be equal on all ranks");
  const Request remove = Conv1(OperationKind::kRemoveProcessSet);
  EXPECT_EQ(ErrorOf(remove, [](Request& r) { r.process_set = 2; }).code(), StatusCode::kMismatch);
  Request add = Conv1(OperationKind::kAddProcessSet);
  add.members = {0, 1};
  EXPECT_EQ(ErrorOf(add, [](Request& r) { r.members = {0}; }).code(), StatusCode::kMismatch);
}

TEST(Agree, RanksAreNamedAsInTheWorld) {
  Request other = Conv1();
  other.shape = {1};
  const std::vector<int> ranks = {4, 9};
  const std::string message = Agree({Conv1(), other}, ranks).error.message();
  EXPECT_NE(message.find("rank 4 submitted"), std::string::npos) << message;
  EXPECT_NE(message.find("rank 9 submitted"), std::string::npos) << message;
}

TEST(Agree, GroupsHaveMembersAndHoldNoChangeOfTheWorld) {
  const auto code = [](OperationKind kind, int size) {
    return ErrorOfAll(Conv1(kind),
                      [&](Request& r) {
                        r.group = "g";
                        r.group_size = size;
                        if (kind == OperationKind::kAddProcessSet) r.members = {0};
                      })
        .code();
  };
  using enum OperationKind;
  for (const OperationKind kind : {kAllreduce, kBroadcast, kAllgather, kBarrier, kModelAverage}) {
    EXPECT_EQ(code(kind, 1), StatusCode::kOk) << Name(kind);
    EXPECT_EQ(code(kind, -1), StatusCode::kInvalidArgument) << Name(kind);
  }
  for (const OperationKind kind : {kJoin, kAddProcessSet, kRemoveProcessSet}) {
    EXPECT_EQ(code(kind, 2), StatusCode::kInvalidArgument) << Name(kind);
  }
}

TEST(Agree, ModelAveragesNeedAWindowAndFloatingPoint) {
  const Request average = Conv1(OperationKind::kModelAverage);
  const auto code = [&](const std::function<void(Request&)>& change) {
    return ErrorOfAll(average, change).code();
  };
  EXPECT_EQ(code([](Request&) {}), StatusCode::kOk);
  EXPECT_EQ(code([](Request& r) { r.window.period = 0; }), StatusCode::kInvalidArgument);
  EXPECT_EQ(code([](Request& r) { r.window.origin = -1; }), StatusCode::kInvalidArgument);
  EXPECT_EQ(code([](Request& r) { r.window.step = 0; }), StatusCode::kInvalidArgument);
  EXPECT_EQ(code([](Request& r) { r.dtype = DataType::kInt64; }), StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace ronde
