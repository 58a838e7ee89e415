#include <array>
#include <cstring>

#include "collectives/allreduce/hierarchical/net_side.h"

namespace ronde {
namespace {

// Phase s < N-1: the partial sum of a piece travels right, and each host adds its own part. Then:
// complete pieces travel right, encoded only once, by the host that completed them.
class RingNet final : public NetSide {
 public:
  using NetSide::NetSide;

  int phases() const override { return 2 * (hosts() - 1); }
  // So many phases of other chunks are under way at any time that one round is enough.
  int rounds_per_phase() const override { return 1; }
  // One piece that comes, and one that leaves; encoded complete ones are passed on as they came.
  std::size_t RoomBytes() const override { return 2 * WireRoom(LargestPiece()); }

  Status Start(int phase, Lane& lane) override {
    const ByteRange leaving = PieceOf(lane, Leaving(phase));
    RONDE_RETURN_IF_ERROR(Receive(lane, (host() + hosts() - 1) % hosts(), Incoming(phase, lane),
                                  OnWire(PieceOf(lane, Coming(phase)).size())));
    return Send(lane, (host() + 1) % hosts(), Outgoing(phase, lane), OnWire(leaving.size()));
  }

  Status Finish(int phase, Lane& lane) override {
    RONDE_RETURN_IF_ERROR(WaitForAll(lane));
    const ByteRange piece = PieceOf(lane, Coming(phase));
    if (phase < hosts() - 1) {
      AddComing(phase, lane, piece);
    } else if (encodes()) {
      DecodeTo(Half(lane, phase), lane.result + piece.begin, piece.size());
    }
    return Status::Ok();
  }

 private:
  int Leaving(int phase) const { return Behind(phase < hosts() - 1 ? phase : phase - hosts()); }
  int Coming(int phase) const {
    return Behind(phase < hosts() - 1 ? phase + 1 : phase + 1 - hosts());
  }
  int Behind(int steps) const { return ((host() - steps) % hosts() + hosts()) % hosts(); }

  // The halves of the room take turns: what came encoded in one phase leaves in the next.
  std::byte* Half(const Lane& lane, int phase) const {
    return lane.room + static_cast<std::size_t>(phase % 2) * WireRoom(LargestPiece());
  }
  std::byte* Incoming(int phase, const Lane& lane) const {
    const bool in_place = phase >= hosts() - 1 && !encodes();
    return in_place ? lane.result + PieceOf(lane, Coming(phase)).begin : Half(lane, phase);
  }
  const std::byte* Outgoing(int phase, Lane& lane) {
    const ByteRange piece = PieceOf(lane, Leaving(phase));
    const std::byte* const data = (phase == 0 ? lane.partial : lane.result) + piece.begin;
    if (!encodes()) return data;
    // A complete piece has been encoded where it was completed.
    if (phase < hosts() - 1) EncodeTo(data, piece.size(), Half(lane, phase + 1));
    return Half(lane, phase + 1);
  }

  void AddComing(int phase, Lane& lane, const ByteRange& piece) {
    if (piece.size() == 0) return;
    const bool complete = phase == hosts() - 2;
    const std::byte* const own = lane.partial + piece.begin;
    std::byte* const result = lane.result + piece.begin;
    if (!encodes()) {
      Add(std::array<const void*, 2>{Half(lane, phase), own}, result, piece.size(), complete);
      return;
    }
    if (result != own) std::memcpy(result, own, piece.size());
    AddDecoded(Half(lane, phase), result, piece.size());
    if (!complete) return;
    Scale(result, piece.size());
    EncodeAndKeep(result, piece.size(), Half(lane, phase));
  }
};

}  // namespace

std::unique_ptr<NetSide> MakeRingNet(const NetCall& call) {
  return std::make_unique<RingNet>(call);
}

}  // namespace ronde
