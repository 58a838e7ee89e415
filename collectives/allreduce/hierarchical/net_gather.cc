#include <algorithm>
#include <cstring>

#include "collectives/allreduce/hierarchical/net_side.h"
#include "collectives/cost_model.h"
#include "collectives/tags.h"

namespace ronde {
namespace {

// Phase k: all that has been gathered goes to the host 2^k before this one, and as much comes from
// the one behind. Block i is that of the i-th host behind this one, counted around. For one chunk:
// its phases block, which costs a message less of book-keeping than two transfers do.
class GatherNet final : public NetSide {
 public:
  using NetSide::NetSide;

  int phases() const override { return CeilLog2(hosts()); }
  int rounds_per_phase() const override { return 1; }
  std::size_t RoomBytes() const override {
    return static_cast<std::size_t>(hosts()) * WireRoom(call_.shard_bytes);
  }

  Status Start(int phase, Lane& lane) override {
    const std::size_t size = SizeOf(lane);
    if (phase > 0 || size == 0) return Status::Ok();
    if (encodes()) {
      EncodeTo(lane.partial, size, lane.room);
    } else {
      std::memcpy(lane.room, lane.partial, size);
    }
    return Status::Ok();
  }

  Status Finish(int phase, Lane& lane) override {
    const std::size_t size = SizeOf(lane);
    if (size == 0) return Status::Ok();
    const int distance = 1 << phase;
    const auto blocks = static_cast<std::size_t>(std::min(distance, hosts() - distance));
    RONDE_RETURN_IF_ERROR(call_.rail.transport().SendReceive(
        (host() - distance + hosts()) % hosts(), {lane.room, blocks * OnWire(size)},
        (host() + distance) % hosts(), {Block(lane, distance), blocks * OnWire(size)},
        kAllreduceTag, call_.rail.NewDeadline()));
    if (phase == phases() - 1) AddAll(lane, size);
    return Status::Ok();
  }

 private:
  std::size_t SizeOf(const Lane& lane) const {
    return static_cast<std::size_t>(lane.count) * element_bytes();
  }
  // Without gaps, so that several are one message.
  std::byte* Block(const Lane& lane, int number) const {
    return lane.room + static_cast<std::size_t>(number) * OnWire(SizeOf(lane));
  }
  std::byte* Of(const Lane& lane, int other) const {
    return Block(lane, (other - host() + hosts()) % hosts());
  }

  void AddAll(Lane& lane, std::size_t size) {
    if (encodes()) {
      DecodeTo(Of(lane, 0), lane.result, size);
      for (int other = 1; other < hosts(); ++other) AddDecoded(Of(lane, other), lane.result, size);
      Scale(lane.result, size);
      return;
    }
    for (int other = 0; other < hosts(); ++other) {
      operands_[static_cast<std::size_t>(other)] = Of(lane, other);
    }
    Add(operands_, lane.result, size, /*complete=*/true);
  }
};

}  // namespace

std::unique_ptr<NetSide> MakeGatherNet(const NetCall& call) {
  return std::make_unique<GatherNet>(call);
}

}  // namespace ronde
