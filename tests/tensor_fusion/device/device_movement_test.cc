#include "tensor_fusion/device/device_movement.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collectives/device/nccl/nccl_companion.h"
#include "core/control/block_shape.h"
#include "tests/collectives/device/device_ranks.h"
#include "tests/collectives/device/nccl/fake_nccl.h"

namespace ronde {
namespace {

using Floats = std::vector<float>;
using testing::IsEmpty;

class DeviceMovementTest : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Ranks, DeviceMovementTest, testing::Values(1, 2, 3));

// Floats in the device memory of one rank.
class Values {
 public:
  Values(DeviceRank& rank, const Floats& values) : size_(values.size()) {
    std::vector<std::byte> bytes(values.size() * sizeof(float));
    std::memcpy(bytes.data(), values.data(), bytes.size());
    buffer_ = PrivateCopy(rank, bytes);
  }
  [[nodiscard]] TensorView View(Shape shape) const {
    return {buffer_.data(), DataType::kFloat32, std::move(shape)};
  }
  [[nodiscard]] Floats Read() const {
    const auto* const data = reinterpret_cast<const float*>(buffer_.data());
    return {data, data + size_};
  }

 private:
  std::size_t size_;
  DeviceBuffer buffer_;
};

ReadyOperation OperationOf(OperationKind kind, const TensorView& input, const TensorView& output) {
  ReadyOperation operation;
  operation.response->request.kind = kind;
  operation.response->request.name = "x";
  operation.response->request.shape = input.shape;
  operation.response->request.on_device = true;
  operation.entry.input = input;
  operation.entry.output = output;
  return operation;
}

// Runs it on channel 0 until it is done; false where there is no form of it.
bool HasRun(DeviceRank& rank, const ReadyOperation& operation) {
  BatchNotes notes;
  DeviceMovement movement(notes);
  DeviceChannel& channel = rank.context.channel(0);
  const Result<bool> has_run = movement.Run({rank.context, channel}, operation);
  EXPECT_TRUE(has_run.ok()) << has_run.status().message();
  EXPECT_TRUE(Finish(rank, channel).ok());
  return has_run.ok() && has_run.value();
}

TEST_P(DeviceMovementTest, BroadcastsGathersAndScattersOverNccl) {
  FakeNccl nccl;
  RunDeviceRanks(GetParam(), [&](DeviceRank& rank) {
    if (rank.size() > 1) UseNccl(rank.context, &nccl);
    const std::int64_t ranks = rank.size();
    const auto own = static_cast<float>(rank.rank());

    const Values copied(rank, Floats(10, own));
    ReadyOperation broadcast =
        OperationOf(OperationKind::kBroadcast, copied.View({10}), copied.View({10}));
    broadcast.response->request.root = rank.size() - 1;
    EXPECT_TRUE(HasRun(rank, broadcast));
    EXPECT_EQ(copied.Read(), Floats(10, static_cast<float>(ranks - 1)));

    const Values row(rank, Floats(3, own));
    const Values rows(rank, Floats(3 * static_cast<std::size_t>(ranks), -1));
    ReadyOperation gather =
        OperationOf(OperationKind::kAllgather, row.View({1, 3}), rows.View({ranks, 3}));
    gather.response->request.into_output = true;
    gather.response->rank_extents.assign(static_cast<std::size_t>(ranks), 1);
    EXPECT_TRUE(HasRun(rank, gather));
    Floats expected;
    for (int i = 0; i < rank.size(); ++i) expected.insert(expected.end(), 3, static_cast<float>(i));
    EXPECT_EQ(rows.Read(), expected);

    const Shape dealt = {2 * ranks + 1};
    const Shape block = ReducescatterShape(dealt, rank.rank(), rank.size());
    const Values all(rank, Floats(static_cast<std::size_t>(dealt[0]), 1));
    const Values part(rank, Floats(static_cast<std::size_t>(block[0]), -1));
    const ReadyOperation scatter =
        OperationOf(OperationKind::kReducescatter, all.View(dealt), part.View(block));
    EXPECT_TRUE(HasRun(rank, scatter));
    EXPECT_EQ(part.Read(), Floats(static_cast<std::size_t>(block[0]), static_cast<float>(ranks)));
  });
  EXPECT_THAT(nccl.violations(), IsEmpty());
}

TEST_P(DeviceMovementTest, LeavesToTheHostWhatHasNoFormHere) {
  RunDeviceRanks(GetParam(), [](DeviceRank& rank) {
    const Values values(rank, Floats(12, 1));
    const TensorView view = values.View({12});
    EXPECT_FALSE(HasRun(rank, OperationOf(OperationKind::kAlltoall, view, {})));
    EXPECT_FALSE(HasRun(rank, OperationOf(OperationKind::kAllgather, view, {})));
    // Simulated devices have no NCCL.
    const bool alone = rank.size() == 1;
    EXPECT_EQ(HasRun(rank, OperationOf(OperationKind::kBroadcast, view, view)), alone);
    ReadyOperation scaled = OperationOf(OperationKind::kReducescatter, view, view);
    scaled.response->request.prescale = 2;
    EXPECT_FALSE(HasRun(rank, scaled));
  });
}

}  // namespace
}  // namespace ronde
