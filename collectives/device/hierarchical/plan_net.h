#pragma once

#include <cstddef>
#include <memory>

#include "collectives/device/hierarchical/plan.h"
#include "collectives/device/hierarchical/plan_builder.h"
#include "collectives/shared/one_host.h"

namespace ronde {

/// What the forms between hosts plan for: one carrier's part of a chunk.
struct PlanLane {
  int chunk = 0;
  int slot = 0;
  ByteRange tensor;  ///< where it lies in the output
};

/// Plans the steps between hosts, in phases: the twin of NetSide, of which it takes the messages
/// and the order of additions. Values lie in the tensor where the transport takes device memory,
/// else at the begin of the slot; behind them is room for what arrives and what is encoded.
class PlanNet {
 public:
  PlanNet(const DevicePlanShape& shape, int host, std::size_t shard_bytes, PlanBuilder& builder);
  virtual ~PlanNet() = default;
  PlanNet(const PlanNet&) = delete;
  PlanNet& operator=(const PlanNet&) = delete;

  [[nodiscard]] virtual int phases() const = 0;
  virtual void Start(int phase, const PlanLane& lane) = 0;
  virtual void Finish(int phase, const PlanLane& lane) = 0;
  /// Of a slot.
  [[nodiscard]] std::size_t SlotBytes() const { return values_room_ + RoomBytes(); }
  /// All of the lane's values: what is copied out and in.
  [[nodiscard]] PlanPlace Values(const PlanLane& lane) const {
    return Values(lane, {0, lane.tensor.size()});
  }

 protected:
  [[nodiscard]] virtual std::size_t RoomBytes() const = 0;
  [[nodiscard]] int hosts() const { return shape_.hosts(); }
  [[nodiscard]] int host() const { return host_; }
  [[nodiscard]] bool encodes() const { return shape_.wire != WireFormat::kSame; }
  [[nodiscard]] std::size_t shard_bytes() const { return shard_bytes_; }
  [[nodiscard]] std::size_t LargestPiece() const {
    return ShareOf(shard_bytes_, 0, hosts()).size();
  }
  [[nodiscard]] ByteRange PieceOf(const PlanLane& lane, int host) const {
    return ShareOf(lane.tensor.size(), host, hosts());
  }
  /// Bytes on the wire of so many bytes of values; WireRoom is in whole cache lines.
  [[nodiscard]] std::size_t OnWire(std::size_t size_bytes) const;
  [[nodiscard]] std::size_t WireRoom(std::size_t size_bytes) const;

  [[nodiscard]] PlanPlace Values(const PlanLane& lane, const ByteRange& part) const;
  /// `size_bytes` from `begin` of the room.
  [[nodiscard]] PlanPlace Room(const PlanLane& lane, std::size_t begin,
                               std::size_t size_bytes) const;

  // Nothing is planned for places without bytes.
  void Send(const PlanLane& lane, int peer, const PlanPlace& from);
  void Receive(const PlanLane& lane, int peer, const PlanPlace& to);
  void Sum(PlanStepKind kind, const PlanLane& lane, std::vector<PlanPlace> reads,
           const PlanPlace& to, bool complete);
  void Convert(PlanStepKind kind, const PlanLane& lane, const PlanPlace& from, const PlanPlace& to);

 private:
  const DevicePlanShape& shape_;
  int host_;
  std::size_t shard_bytes_;
  std::size_t values_room_;  // 0 where values stay in the tensor
  PlanBuilder& builder_;
};

/// Null for one host. References must outlive it.
[[nodiscard]] std::unique_ptr<PlanNet> MakePlanNet(const DevicePlanShape& shape, int host,
                                                   std::size_t shard_bytes, PlanBuilder& builder);

}  // namespace ronde
