#include "frontends/torch/averaged_model.h"

#include <gmock/gmock.h>

#include "frontends/torch/tensor_bridge.h"
#include "tests/frontends/torch/run_sessions.h"

namespace ronde {
namespace {

// A model whose weights and statistics differ from rank to rank.
struct Local {
  explicit Local(const Session& session)
      : linear(3, 2), norm(2), model(linear, norm), flat(Prepare(session)) {}

  FlatParameters Prepare(const Session& session) {
    model->to(at::kDouble);
    model->train();
    const torch::NoGradGuard no_grad;
    for (auto& parameter : model->parameters()) parameter.fill_(session.rank() + 1.0);
    for (int pass = 0; pass <= session.rank(); ++pass) {
      model->forward(RankData(session, {6, 3}, pass));
    }
    return FlatParameters(*model);
  }
  [[nodiscard]] std::vector<at::Tensor> State() const {
    std::vector<at::Tensor> state;
    for (const auto& tensor : model->parameters()) state.push_back(tensor.detach().clone());
    for (const auto& tensor : model->buffers()) state.push_back(tensor.detach().clone());
    return state;
  }

  torch::nn::Linear linear;
  torch::nn::BatchNorm1d norm;
  torch::nn::Sequential model;
  FlatParameters flat;
};

void ExpectEqual(const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_TRUE(torch::equal(a[i], b[i])) << i;
}

at::Tensor MeanOverRanks(Session& session, const at::Tensor& tensor) {
  at::Tensor mean = tensor.detach().clone();
  const TensorView view = ToTensorView(mean, "mean");
  ThrowIfError(session.AllreduceAsync("mean", view, view).Wait());
  return mean;
}

TEST(AveragedModel, AveragesWeightsAndStatisticsAndRestoresAll) {
  RunSessions(3, [](Session& session) {
    Local local(session);
    const auto before = local.State();
    const at::Tensor mean = MeanOverRanks(session, local.norm->running_mean);
    {
      const AveragedModel scope(session, *local.model, local.flat);
      EXPECT_NEAR(local.linear->weight[0][0].item<double>(), 2.0, 1e-14);
      EXPECT_TRUE(at::allclose(local.norm->running_mean, mean, 0, 1e-14));
      // Integer buffers are counters, not statistics.
      EXPECT_EQ(local.norm->num_batches_tracked.item<std::int64_t>(), session.rank() + 1);
    }
    ExpectEqual(local.State(), before);
  });
}

TEST(AveragedModel, TakesTheStatisticsOfRank0) {
  RunSessions(2, [](Session& session) {
    Local local(session);
    const auto before = local.State();
    at::Tensor roots = local.norm->running_var.clone();
    ThrowIfError(session.BroadcastAsync("var", ToTensorView(roots, "var"), 0).Wait());
    {
      AveragedModelOptions options;
      options.bn = BnAtEvaluation::kRank0;
      const AveragedModel scope(session, *local.model, local.flat, options);
      EXPECT_NEAR(local.linear->bias[0].item<double>(), 1.5, 1e-14);
      EXPECT_TRUE(torch::equal(local.norm->running_var, roots));
    }
    ExpectEqual(local.State(), before);
  });
}

TEST(AveragedModel, RecalibratesThroughTheCallback) {
  RunSessions(2, [](Session& session) {
    Local local(session);
    const auto before = local.State();
    bool called = false;
    {
      AveragedModelOptions options;
      options.bn = BnAtEvaluation::kRecalibrate;
      options.recalibrate = [&](int /*worker*/) {
        EXPECT_NEAR(local.linear->bias[0].item<double>(), 1.5, 1e-14);
        local.model->forward(RankData(session, {6, 3}, 9));
        called = true;
      };
      const AveragedModel scope(session, *local.model, local.flat, options);
    }
    EXPECT_TRUE(called);
    ExpectEqual(local.State(), before);
  });
}

TEST(AveragedModel, RestoresWhenTheCallbackThrows) {
  RunSessions(2, [](Session& session) {
    Local local(session);
    const auto before = local.State();
    AveragedModelOptions options;
    options.bn = BnAtEvaluation::kRecalibrate;
    options.recalibrate = [](int /*worker*/) { throw Error(Status::Internal("no data")); };
    EXPECT_EQ(ThrownCode([&] { AveragedModel(session, *local.model, local.flat, options); }),
              StatusCode::kInternal);
    options.recalibrate = nullptr;
    EXPECT_EQ(ThrownCode([&] { AveragedModel(session, *local.model, local.flat, options); }),
              StatusCode::kInvalidArgument);
    ExpectEqual(local.State(), before);
  });
}

TEST(AveragedModel, LeavesWeightsAloneWhereTheyAgree) {
  RunSessions(2, [](Session& session) {
    Local local(session);
    AveragedModelOptions options;
    options.average_weights = false;
    const AveragedModel scope(session, *local.model, local.flat, options);
    EXPECT_EQ(local.linear->bias[0].item<double>(), session.rank() + 1.0);
  });
}

}  // namespace
}  // namespace ronde
