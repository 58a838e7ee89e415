#include <utility>
#include <vector>

#include "collectives/device/hierarchical/plan_net.h"

namespace ronde {
namespace {

// Every host sends its shard to every other, and adds all of them in order of hosts.
class OneShotPlan final : public PlanNet {
 public:
  using PlanNet::PlanNet;
  int phases() const override { return 1; }
  std::size_t RoomBytes() const override {
    return static_cast<std::size_t>(hosts()) * WireRoom(shard_bytes());
  }

  void Start(int /*phase*/, const PlanLane& lane) override {
    const PlanPlace own = encodes() ? RoomOf(lane, host()) : Values(lane);
    for (int distance = 1; distance < hosts(); ++distance) {
      const int from = (host() - distance + hosts()) % hosts();
      Receive(lane, from, RoomOf(lane, from));
    }
    if (encodes()) Convert(PlanStepKind::kEncode, lane, Values(lane), own);
    for (int distance = 1; distance < hosts(); ++distance) {
      Send(lane, (host() + distance) % hosts(), own);
    }
  }

  void Finish(int /*phase*/, const PlanLane& lane) override {
    std::vector<PlanPlace> parts;
    for (int peer = 0; peer < hosts(); ++peer) {
      parts.push_back(peer == host() && !encodes() ? Values(lane) : RoomOf(lane, peer));
    }
    if (!encodes()) {
      Sum(PlanStepKind::kAdd, lane, std::move(parts), Values(lane), /*complete=*/true);
      return;
    }
    // What all hosts have sent, this one's too, so that all get the same bits.
    Convert(PlanStepKind::kDecode, lane, parts.front(), Values(lane));
    parts.erase(parts.begin());
    Sum(PlanStepKind::kAddDecoded, lane, std::move(parts), Values(lane), /*complete=*/true);
  }

 private:
  PlanPlace RoomOf(const PlanLane& lane, int peer) const {
    return Room(lane, static_cast<std::size_t>(peer) * WireRoom(shard_bytes()),
                OnWire(lane.tensor.size()));
  }
};

// Every host adds its piece of all shards, and hands it out. Encoded, it adds its own part as it
// is, encodes the sum and keeps what it sends.
class DirectPlan final : public PlanNet {
 public:
  using PlanNet::PlanNet;
  int phases() const override { return 2; }
  std::size_t RoomBytes() const override {
    return static_cast<std::size_t>(hosts()) * WireRoom(LargestPiece()) * (encodes() ? 2 : 1);
  }

  void Start(int phase, const PlanLane& lane) override {
    const ByteRange own = PieceOf(lane, host());
    for (int distance = 1; distance < hosts(); ++distance) {
      const int from = (host() - distance + hosts()) % hosts();
      const ByteRange piece = PieceOf(lane, from);
      const PlanPlace in_room = Slice(lane, from, (phase == 0 ? own : piece).size());
      Receive(lane, from, phase == 0 || encodes() ? in_room : Values(lane, piece));
    }
    for (int distance = 1; distance < hosts(); ++distance) {
      const int to = (host() + distance) % hosts();
      Send(lane, to, phase == 0 ? Outgoing(lane, to) : Result(lane));
    }
  }

  void Finish(int phase, const PlanLane& lane) override {
    if (phase == 0) {
      AddOwnPiece(lane);
      return;
    }
    for (int peer = 0; peer < hosts() && encodes(); ++peer) {
      const ByteRange piece = PieceOf(lane, peer);
      if (peer == host()) continue;
      Convert(PlanStepKind::kDecode, lane, Slice(lane, peer, piece.size()), Values(lane, piece));
    }
  }

 private:
  PlanPlace Slice(const PlanLane& lane, int number, std::size_t size_bytes) const {
    return Room(lane, static_cast<std::size_t>(number) * WireRoom(LargestPiece()),
                OnWire(size_bytes));
  }
  PlanPlace Outgoing(const PlanLane& lane, int to) {
    const ByteRange piece = PieceOf(lane, to);
    if (!encodes()) return Values(lane, piece);
    const PlanPlace encoded = Slice(lane, hosts() + to, piece.size());
    Convert(PlanStepKind::kEncode, lane, Values(lane, piece), encoded);
    return encoded;
  }
  PlanPlace Result(const PlanLane& lane) const {
    const ByteRange own = PieceOf(lane, host());
    return encodes() ? Slice(lane, hosts() + host(), own.size()) : Values(lane, own);
  }
  void AddOwnPiece(const PlanLane& lane) {
    const ByteRange own = PieceOf(lane, host());
    std::vector<PlanPlace> parts;
    for (int peer = 0; peer < hosts(); ++peer) {
      if (peer != host()) {
        parts.push_back(Slice(lane, peer, own.size()));
      } else if (!encodes()) {
        parts.push_back(Values(lane, own));
      }
    }
    const PlanStepKind kind = encodes() ? PlanStepKind::kAddDecoded : PlanStepKind::kAdd;
    Sum(kind, lane, std::move(parts), Values(lane, own), /*complete=*/true);
    if (encodes()) Convert(PlanStepKind::kEncodeKeep, lane, Values(lane, own), Result(lane));
  }
};

// Pieces travel around and grow, and then travel around complete, encoded only once.
class RingPlan final : public PlanNet {
 public:
  using PlanNet::PlanNet;
  int phases() const override { return 2 * (hosts() - 1); }
  // One piece that comes, and one that leaves.
  std::size_t RoomBytes() const override { return 2 * WireRoom(LargestPiece()); }

  void Start(int phase, const PlanLane& lane) override {
    const ByteRange coming = PieceOf(lane, Coming(phase));
    const ByteRange leaving = PieceOf(lane, Leaving(phase));
    const bool in_place = !Grows(phase) && !encodes();
    Receive(lane, (host() + hosts() - 1) % hosts(),
            in_place ? Values(lane, coming) : Half(lane, phase, coming.size()));
    PlanPlace outgoing = Values(lane, leaving);
    if (encodes()) {
      const PlanPlace encoded = Half(lane, phase + 1, leaving.size());
      if (Grows(phase)) Convert(PlanStepKind::kEncode, lane, outgoing, encoded);
      outgoing = encoded;
    }
    Send(lane, (host() + 1) % hosts(), outgoing);
  }

  void Finish(int phase, const PlanLane& lane) override {
    const ByteRange piece = PieceOf(lane, Coming(phase));
    const PlanPlace values = Values(lane, piece);
    const PlanPlace came = Half(lane, phase, piece.size());
    if (!Grows(phase)) {
      if (encodes()) Convert(PlanStepKind::kDecode, lane, came, values);
      return;
    }
    const bool complete = phase == hosts() - 2;
    if (!encodes()) {
      Sum(PlanStepKind::kAdd, lane, {came, values}, values, complete);
      return;
    }
    Sum(PlanStepKind::kAddDecoded, lane, {came}, values, complete);
    if (complete) Convert(PlanStepKind::kEncodeKeep, lane, values, came);
  }

 private:
  bool Grows(int phase) const { return phase < hosts() - 1; }
  int Leaving(int phase) const { return Behind(Grows(phase) ? phase : phase - hosts()); }
  int Coming(int phase) const { return Behind(Grows(phase) ? phase + 1 : phase + 1 - hosts()); }
  int Behind(int steps) const { return ((host() - steps) % hosts() + hosts()) % hosts(); }
  // The halves of the room take turns: what came encoded in one phase leaves in the next.
  PlanPlace Half(const PlanLane& lane, int phase, std::size_t size_bytes) const {
    return Room(lane, static_cast<std::size_t>(phase % 2) * WireRoom(LargestPiece()),
                OnWire(size_bytes));
  }
};

}  // namespace

std::unique_ptr<PlanNet> MakePlanNet(const DevicePlanShape& shape, int host,
                                     std::size_t shard_bytes, PlanBuilder& builder) {
  if (shape.hosts() == 1) return nullptr;
  switch (shape.net) {
    case NetForm::kDirect:
      return std::make_unique<DirectPlan>(shape, host, shard_bytes, builder);
    case NetForm::kRing:
      return std::make_unique<RingPlan>(shape, host, shard_bytes, builder);
    default:  // CheckDevicePlanShape admits no others
      return std::make_unique<OneShotPlan>(shape, host, shard_bytes, builder);
  }
}

}  // namespace ronde
