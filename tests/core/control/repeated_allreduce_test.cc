#include "core/control/repeated_allreduce.h"

#include <string>

#include <gtest/gtest.h>

namespace ronde {
namespace {

class RepeatedAllreduceTest : public testing::Test {
 protected:
  RepeatedAllreduceTest() {
    request_.name = name_;
    request_.op = ReduceOp::kAverage;
    request_.shape = {2, 3};
    request_.prescale = 0.5;
    request_.output_place = {.block = 1, .offset = 64};
  }
  [[nodiscard]] AllreduceCall Call() const {
    return {.name = name_,
            .input = input_,
            .output = output_,
            .op = ReduceOp::kAverage,
            .prescale = 0.5,
            .output_place = {.block = 1, .offset = 64}};
  }
  [[nodiscard]] bool Matches(const AllreduceCall& call) const {
    return RepeatedAllreduce(request_).Matches(call);
  }

  std::string name_ = "w";
  Request request_;
  float values_[6] = {};
  TensorView input_{values_, DataType::kFloat32, {2, 3}};
  TensorView output_{values_, DataType::kFloat32, {2, 3}};
};

TEST_F(RepeatedAllreduceTest, MatchesTheSameFromAnyBuffers) {
  EXPECT_TRUE(Matches(Call()));
  float others[6] = {};
  input_.data = others;
  EXPECT_TRUE(Matches(Call()));
}

TEST_F(RepeatedAllreduceTest, MatchesNothingElse) {
  const auto matches_with = [this](auto change) {
    AllreduceCall call = Call();
    change(call);
    return Matches(call);
  };
  EXPECT_FALSE(matches_with([](AllreduceCall& call) { call.op = ReduceOp::kSum; }));
  EXPECT_FALSE(matches_with([](AllreduceCall& call) { call.prescale = 1; }));
  EXPECT_FALSE(matches_with([](AllreduceCall& call) { call.postscale = 2; }));
  EXPECT_FALSE(matches_with([](AllreduceCall& call) { call.output_place.offset = 0; }));
  EXPECT_FALSE(matches_with([](AllreduceCall& call) { call.input_place.block = 1; }));
}

TEST_F(RepeatedAllreduceTest, LeavesWhatHasToBeCheckedToOthers) {
  const TensorView good = input_;
  for (TensorView* view : {&input_, &output_}) {
    view->data = nullptr;
    EXPECT_FALSE(Matches(Call()));
    *view = good;
    view->shape = {3, 2};
    EXPECT_FALSE(Matches(Call()));
    view->shape = {2, 3, 1};
    EXPECT_FALSE(Matches(Call()));
    *view = good;
    view->dtype = DataType::kInt32;
    EXPECT_FALSE(Matches(Call()));
    *view = good;
  }
  EXPECT_TRUE(Matches(Call()));
}

TEST_F(RepeatedAllreduceTest, NoOtherRequestMatchesAnything) {
  const Request good = request_;
  request_.kind = OperationKind::kReducescatter;
  EXPECT_FALSE(Matches(Call()));
  request_ = good;
  request_.process_set = 1;
  EXPECT_FALSE(Matches(Call()));
  request_ = good;
  request_.group = "g";
  EXPECT_FALSE(Matches(Call()));
  request_ = good;
  request_.group_counts = {6};
  EXPECT_FALSE(Matches(Call()));
  request_ = good;
  request_.on_device = true;
  EXPECT_FALSE(Matches(Call()));
  request_ = good;
  request_.objection = "has a null pointer";
  EXPECT_FALSE(Matches(Call()));
  EXPECT_FALSE(RepeatedAllreduce().Matches(Call()));
}

TEST_F(RepeatedAllreduceTest, MoreDimensionsThanItKeepsMatchNothing) {
  request_.shape = {1, 1, 1, 1, 2, 3};
  input_.shape = request_.shape;
  output_.shape = request_.shape;
  EXPECT_FALSE(Matches(Call()));
}

}  // namespace
}  // namespace ronde
