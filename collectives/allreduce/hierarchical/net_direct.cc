#include <cstring>

#include "collectives/allreduce/hierarchical/net_side.h"

namespace ronde {
namespace {

// Encoded, a piece's owner adds its own part as it is, encodes the sum and keeps what it sends.
class DirectNet final : public NetSide {
 public:
  using NetSide::NetSide;

  int phases() const override { return 2; }
  // What each host sends here in a phase, and behind it what is encoded for each.
  std::size_t RoomBytes() const override {
    return static_cast<std::size_t>(hosts()) * WireRoom(LargestPiece()) * (encodes() ? 2 : 1);
  }

  Status Start(int phase, Lane& lane) override {
    const std::size_t own = PieceOf(lane, host()).size();
    for (int distance = 1; distance < hosts(); ++distance) {
      const int from = (host() - distance + hosts()) % hosts();
      const ByteRange piece = PieceOf(lane, from);
      const bool scatters = phase == 0;
      std::byte* const place =
          scatters || encodes() ? ReceivedFrom(lane, from) : lane.result + piece.begin;
      RONDE_RETURN_IF_ERROR(Receive(lane, from, place, OnWire(scatters ? own : piece.size())));
    }
    for (int distance = 1; distance < hosts(); ++distance) {
      const int to = (host() + distance) % hosts();
      RONDE_RETURN_IF_ERROR(phase == 0 ? SendPiece(lane, to) : SendResult(lane, to));
    }
    return Status::Ok();
  }

  Status Finish(int phase, Lane& lane) override {
    RONDE_RETURN_IF_ERROR(WaitForAll(lane));
    if (phase == 0) AddOwnPiece(lane);
    if (phase == 1 && encodes()) {
      for (int peer = 0; peer < hosts(); ++peer) {
        const ByteRange piece = PieceOf(lane, peer);
        if (peer == host()) continue;
        DecodeTo(ReceivedFrom(lane, peer), lane.result + piece.begin, piece.size());
      }
    }
    return Status::Ok();
  }

 private:
  std::byte* ReceivedFrom(const Lane& lane, int peer) const {
    return lane.room + static_cast<std::size_t>(peer) * WireRoom(LargestPiece());
  }
  std::byte* EncodedFor(const Lane& lane, int peer) const {
    return ReceivedFrom(lane, hosts() + peer);
  }

  Status SendPiece(Lane& lane, int to) {
    const ByteRange piece = PieceOf(lane, to);
    const std::byte* data = lane.partial + piece.begin;
    if (encodes()) {
      EncodeTo(data, piece.size(), EncodedFor(lane, to));
      data = EncodedFor(lane, to);
    }
    return Send(lane, to, data, OnWire(piece.size()));
  }
  Status SendResult(Lane& lane, int to) {
    const ByteRange own = PieceOf(lane, host());
    return Send(lane, to, encodes() ? EncodedFor(lane, host()) : lane.result + own.begin,
                OnWire(own.size()));
  }

  void AddOwnPiece(Lane& lane) {
    const ByteRange own = PieceOf(lane, host());
    std::byte* const result = lane.result + own.begin;
    if (own.size() == 0) return;
    if (!encodes()) {
      for (int peer = 0; peer < hosts(); ++peer) {
        operands_[static_cast<std::size_t>(peer)] =
            peer == host() ? lane.partial + own.begin : ReceivedFrom(lane, peer);
      }
      Add(operands_, result, own.size(), /*complete=*/true);
      return;
    }
    if (lane.result != lane.partial) std::memcpy(result, lane.partial + own.begin, own.size());
    for (int peer = 0; peer < hosts(); ++peer) {
      if (peer != host()) AddDecoded(ReceivedFrom(lane, peer), result, own.size());
    }
    Scale(result, own.size());
    EncodeAndKeep(result, own.size(), EncodedFor(lane, host()));
  }
};

}  // namespace

std::unique_ptr<NetSide> MakeDirectNet(const NetCall& call) {
  return std::make_unique<DirectNet>(call);
}

}  // namespace ronde
