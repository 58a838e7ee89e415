#include "collectives/allreduce/hierarchical/net_side.h"

namespace ronde {
namespace {

// Encoded, every host adds what all hosts have sent, its own too, so that all get the same bits.
class OneShotNet final : public NetSide {
 public:
  using NetSide::NetSide;

  int phases() const override { return 1; }
  std::size_t RoomBytes() const override {
    return static_cast<std::size_t>(hosts()) * WireRoom(call_.shard_bytes);
  }

  Status Start(int /*phase*/, Lane& lane) override {
    const std::size_t size = static_cast<std::size_t>(lane.count) * element_bytes();
    const std::byte* own = lane.partial;
    if (encodes()) {
      EncodeTo(lane.partial, size, RoomOf(lane, host()));
      own = RoomOf(lane, host());
    }
    for (int distance = 1; distance < hosts(); ++distance) {
      const int from = (host() - distance + hosts()) % hosts();
      RONDE_RETURN_IF_ERROR(Receive(lane, from, RoomOf(lane, from), OnWire(size)));
    }
    for (int distance = 1; distance < hosts(); ++distance) {
      RONDE_RETURN_IF_ERROR(Send(lane, (host() + distance) % hosts(), own, OnWire(size)));
    }
    return Status::Ok();
  }

  Status Finish(int /*phase*/, Lane& lane) override {
    RONDE_RETURN_IF_ERROR(WaitForAll(lane));
    const std::size_t size = static_cast<std::size_t>(lane.count) * element_bytes();
    if (encodes()) {
      DecodeTo(RoomOf(lane, 0), lane.result, size);
      for (int peer = 1; peer < hosts(); ++peer) {
        AddDecoded(RoomOf(lane, peer), lane.result, size);
      }
      Scale(lane.result, size);
      return Status::Ok();
    }
    for (int peer = 0; peer < hosts(); ++peer) {
      operands_[static_cast<std::size_t>(peer)] =
          peer == host() ? lane.partial : RoomOf(lane, peer);
    }
    Add(operands_, lane.result, size, /*complete=*/true);
    return Status::Ok();
  }

 private:
  // What `peer` sends; its own is empty unless it is encoded.
  std::byte* RoomOf(const Lane& lane, int peer) const {
    return lane.room + static_cast<std::size_t>(peer) * WireRoom(call_.shard_bytes);
  }
};

}  // namespace

std::unique_ptr<NetSide> MakeOneShotNet(const NetCall& call) {
  return std::make_unique<OneShotNet>(call);
}

}  // namespace ronde
