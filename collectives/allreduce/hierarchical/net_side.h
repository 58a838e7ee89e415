#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "collectives/allreduce/algorithm.h"
#include "collectives/allreduce/hierarchical/lane.h"
#include "collectives/allreduce/hierarchical/plan.h"
#include "collectives/collective_context.h"
#include "collectives/reduce_kernels.h"
#include "core/base/status.h"

namespace ronde {

/// What a NetSide works on.
struct NetCall {
  CollectiveContext& rail;  ///< one rank a host, in order of hosts
  int hosts = 1;            ///< as many
  DataType dtype = DataType::kFloat32;
  ReduceOp op = ReduceOp::kSum;
  Scaling result;  ///< what is applied to the complete sum, once
  WireFormat wire = WireFormat::kSame;
  std::size_t shard_bytes = 0;  ///< the largest shard
};

/// The part of a hierarchical allreduce that crosses hosts, for one carrier: turns partial sums of
/// hosts into results, in phases. Each phase of a lane is started, and finished later; meanwhile
/// others are on the wire. All carriers of a rail start and finish in the same order.
class NetSide {
 public:
  explicit NetSide(const NetCall& call);
  virtual ~NetSide() = default;
  NetSide(const NetSide&) = delete;
  NetSide& operator=(const NetSide&) = delete;

  [[nodiscard]] virtual int phases() const = 0;
  /// How many rounds a phase has between start and end: so many chunks are on the wire while this
  /// thread is busy with others, which encoded ones keep it with for longer.
  [[nodiscard]] virtual int rounds_per_phase() const { return encodes() ? 8 : 4; }
  /// Scratch that it needs for each lane.
  [[nodiscard]] virtual std::size_t RoomBytes() const = 0;
  virtual Status Start(int phase, Lane& lane) = 0;
  /// Errors: kTimeout, kAborted.
  virtual Status Finish(int phase, Lane& lane) = 0;

 protected:
  [[nodiscard]] int hosts() const { return call_.hosts; }
  [[nodiscard]] int host() const { return call_.rail.rank(); }
  [[nodiscard]] bool encodes() const { return call_.wire != WireFormat::kSame; }
  [[nodiscard]] std::size_t element_bytes() const { return SizeOf(call_.dtype); }
  /// Bytes on the wire of `size_bytes`, in whole cache lines.
  [[nodiscard]] std::size_t WireRoom(std::size_t size_bytes) const;
  [[nodiscard]] std::size_t OnWire(std::size_t size_bytes) const;
  /// The part of a shard that `host` takes on.
  [[nodiscard]] ByteRange PieceOf(const Lane& lane, int host) const {
    return ShareOf(static_cast<std::size_t>(lane.count) * element_bytes(), host, hosts());
  }
  [[nodiscard]] std::size_t LargestPiece() const {
    return ShareOf(call_.shard_bytes, 0, hosts()).size();
  }

  /// Empty messages are not sent.
  Status Send(Lane& lane, int host, const std::byte* data, std::size_t size_bytes);
  Status Receive(Lane& lane, int host, std::byte* data, std::size_t size_bytes);
  Status WaitForAll(Lane& lane);

  /// `operands`, in order of hosts, to `result`; complete sums are scaled.
  void Add(std::span<const void* const> operands, std::byte* result, std::size_t size_bytes,
           bool complete) const;
  /// What is applied to complete sums, in place.
  void Scale(std::byte* result, std::size_t size_bytes) const;

  // --- Of encoded float32; sizes are those of the values.
  void EncodeTo(const std::byte* values, std::size_t size_bytes, std::byte* wire) const;
  void DecodeTo(const std::byte* wire, std::byte* values, std::size_t size_bytes) const;
  void AddDecoded(const std::byte* wire, std::byte* values, std::size_t size_bytes) const;
  /// The values become what the others decode.
  void EncodeAndKeep(std::byte* values, std::size_t size_bytes, std::byte* wire) const;

  const NetCall call_;
  std::vector<const void*> operands_;  ///< by host
};

/// One phase: every host sends its shard to every other, and adds all of them.
/// Cost: (N-1)(alpha + n beta), of which with two hosts none is for nothing.
[[nodiscard]] std::unique_ptr<NetSide> MakeOneShotNet(const NetCall& call);

/// ceil(log2 N) phases, of one chunk: shards are gathered by dissemination, and every host adds all
/// of them: the bits of one shot, with fewer messages.
/// Cost:   ceil(log2 N) alpha + (N-1) n beta
/// Source: Bruck et al., IEEE Trans. Parallel Distrib. Syst. 8(11), 1997.
[[nodiscard]] std::unique_ptr<NetSide> MakeGatherNet(const NetCall& call);

/// Two phases: every host adds its piece of all shards, and hands it out.
/// Cost: 2(N-1)(alpha + n/N beta)
[[nodiscard]] std::unique_ptr<NetSide> MakeDirectNet(const NetCall& call);

/// 2(N-1) phases: pieces travel around and grow; then they travel around complete.
/// Cost: 2(N-1)(alpha + n/N beta), one connection a host
[[nodiscard]] std::unique_ptr<NetSide> MakeRingNet(const NetCall& call);

/// One phase, which blocks: an algorithm of the table runs between hosts. It does not compress.
[[nodiscard]] std::unique_ptr<NetSide> MakeNamedNet(const NetCall& call,
                                                    const AllreduceAlgorithm& algorithm);

[[nodiscard]] std::unique_ptr<NetSide> MakeNetSide(const NetCall& call,
                                                   const HierarchicalPlan& plan);

}  // namespace ronde
