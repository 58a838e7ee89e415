#include "frontends/torch/registered_tensor.h"

#include <gtest/gtest.h>

#include "frontends/torch/tensor_bridge.h"
#include "tests/frontends/session/run_sessions.h"

namespace ronde {
namespace {

TEST(RegisteredTensor, IsReducedWhereItLies) {
  RunSessions(3, [](Session& session) {
    const at::Tensor tensor = RegisteredTensor(session, 30'000, at::kDouble);
    EXPECT_EQ(tensor.sum().item<double>(), 0);
    tensor.fill_(session.rank());
    const TensorView view = ToTensorView(tensor, "tensor");
    const std::uint64_t before = session.counters().bytes_on_wire;
    EXPECT_TRUE(session.AllreduceAsync("tensor", view, view).Wait().ok());
    EXPECT_TRUE(tensor.eq(1.0).all().item<bool>());
    // Every rank has pushed its shard to the two others.
    EXPECT_EQ(session.counters().bytes_on_wire - before, 2 * 10'000 * sizeof(double));
  });
}

TEST(RegisteredTensor, AViewKeepsTheMemory) {
  RunSessions(2, [](Session& session) {
    const at::Tensor view = RegisteredTensor(session, 1000, at::kFloat).slice(0, 10, 20);
    view.fill_(1);
    EXPECT_EQ(view.sum().item<float>(), 10);
  });
}

}  // namespace
}  // namespace ronde
