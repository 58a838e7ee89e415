#include "collectives/allreduce/hierarchical/plan.h"

#include <algorithm>
#include <string_view>

#include "collectives/allreduce/common.h"
#include "collectives/allreduce/hierarchical/parts.h"
#include "collectives/shared/shared_channel.h"
#include "collectives/shared/tiny_round.h"
#include "core/base/strcat.h"

namespace ronde {
namespace {

constexpr std::size_t kLineBytes = 64;  // a whole number of elements of any type
// What a carrier sends at once to one host. MPI hands so much to the kernel in one go (its limit is
// 64 KiB, with a header); more waits for the receiver's answer, and this thread for both. With 1
// Gb/s and 2 hosts x 2 ranks 16 MiB took 143 ms so, and 172 ms with 128 KiB.
constexpr std::size_t kLargestMessageBytes = 60 << 10;
// Up to this size one rank a host speaks for all: a message each costs more than its bytes.
constexpr std::size_t kLeaderBytes = 4 << 10;
// Up to this size of a shard hosts send it to all others whole, which saves a phase.
constexpr std::size_t kOneShotBytes = 8 << 10;
// From so many hosts on, and up to this size of a shard, a message to every host costs more than
// steps do.
constexpr int kGatherHosts = 4;
constexpr std::size_t kGatherBytes = 2 << 10;
// More messages at once than this are worse than more steps.
constexpr int kDirectHosts = 16;

// Of a slot: the same on all ranks, where some hosts may have no channel.
std::size_t SlotBytes(const CollectiveContext& context) {
  const std::size_t bytes = std::min(context.chunk_bytes(), context.largest_chunk_bytes());
  return std::max(kLineBytes, bytes / kLineBytes * kLineBytes);
}

int CarriersFor(CollectiveContext& context, std::size_t size_bytes) {
  Communicator& world = context.communicator();
  if (!world.hosts_are_even() || context.hierarchy() == Hierarchy::kLeader) return 1;
  if (context.hierarchy() == Hierarchy::kRails) return world.most_ranks_per_host();
  return size_bytes <= kLeaderBytes ? 1 : world.most_ranks_per_host();
}

LocalForm LocalFormFor(CollectiveContext& context, const AllreduceArguments& arguments,
                       const HierarchicalPlan& plan) {
  CollectiveContext& local = context.local_context();
  if (local.size() == 1) return LocalForm::kAlone;
  const bool registered = arguments.input_place.registered() &&
                          arguments.output_place.registered() && arguments.pieces.empty() &&
                          plan.carriers == local.size();
  const bool refused = LocalPartFor(context, SizeBytes(arguments)) == LocalPart::kSharedMemory;
  return registered && !refused ? LocalForm::kRegistered : LocalForm::kSlots;
}

NetForm NetFormFor(int hosts, std::size_t shard_bytes) {
  // Between two, the gathering of one chunk is a plain exchange.
  if (hosts == 2) return shard_bytes <= kGatherBytes ? NetForm::kGather : NetForm::kPairwise;
  if (hosts >= kGatherHosts && hosts <= kDirectHosts && shard_bytes <= kGatherBytes) {
    return NetForm::kGather;
  }
  if (hosts > kDirectHosts) return NetForm::kRing;
  return shard_bytes <= kOneShotBytes ? NetForm::kOneShot : NetForm::kDirect;
}

// Equal chunks, as few as there can be.
void CutIntoChunks(CollectiveContext& context, std::size_t size_bytes, HierarchicalPlan& plan) {
  const auto carriers = static_cast<std::size_t>(plan.carriers);
  // Encoded it is half as large at the most.
  std::size_t largest_shard = kLargestMessageBytes * (plan.wire == WireFormat::kSame ? 1 : 2);
  // Each of several hosts gets its part.
  const int hosts = context.communicator().host_count();
  if (hosts > 2 && hosts <= kDirectHosts) largest_shard *= static_cast<std::size_t>(hosts);
  if (context.communicator().most_ranks_per_host() > 1) {
    largest_shard =
        std::min(largest_shard, SlotBytes(context) / (carriers + 1) / kLineBytes * kLineBytes);
  }
  const std::size_t most = std::max(kLineBytes, largest_shard) * carriers;
  plan.chunks = (size_bytes + most - 1) / most;
  const std::size_t unit = kLineBytes * carriers;
  const std::size_t each = (size_bytes + plan.chunks - 1) / plan.chunks;
  plan.chunk_bytes = (each + unit - 1) / unit * unit;
  plan.chunks = (size_bytes + plan.chunk_bytes - 1) / plan.chunk_bytes;
  plan.shard_bytes = plan.chunk_bytes / carriers;
}

void ChooseNet(CollectiveContext& context, const AllreduceArguments& arguments,
               HierarchicalPlan& plan) {
  const int hosts = context.communicator().host_count();
  const NetPart part = NetPartFor(context, SizeBytes(arguments));
  plan.named = part.named;
  plan.net = NetFormFor(hosts, plan.shard_bytes * plan.chunks);
  if (part.named != nullptr) {
    plan.net = NetForm::kNamed;
    plan.wire = WireFormat::kSame;
  } else if (part.ring) {
    plan.net = NetForm::kRing;
  } else if (part.direct && plan.net != NetForm::kOneShot && plan.net != NetForm::kGather) {
    plan.net = NetForm::kDirect;
  }
}

std::string_view NetName(const HierarchicalPlan& plan, int hosts) {
  switch (plan.net) {
    case NetForm::kPairwise:
      return "pairwise";
    case NetForm::kOneShot:
      return "direct in one shot";
    case NetForm::kGather:
      return hosts == 2 ? "pairwise" : "gathered";
    case NetForm::kDirect:
      return "direct";
    case NetForm::kRing:
      return "ring";
    case NetForm::kNamed:
      break;
  }
  return plan.named->name();
}

}  // namespace

HierarchicalPlan PlanHierarchical(CollectiveContext& context, const AllreduceArguments& arguments) {
  const std::size_t size_bytes = SizeBytes(arguments);
  HierarchicalPlan plan;
  plan.carriers = CarriersFor(context, size_bytes);
  plan.tiny = plan.carriers == 1 && TinyRound::Takes(size_bytes) &&
              context.communicator().most_ranks_per_host() > 1;
  plan.wire = WireFormatFor(context.wire_format(), arguments.dtype, arguments.op);
  if (size_bytes > 0) CutIntoChunks(context, size_bytes, plan);
  ChooseNet(context, arguments, plan);
  plan.local = LocalFormFor(context, arguments, plan);
  return plan;
}

bool HierarchicalIsPossible(CollectiveContext& context, const AllreduceArguments& arguments) {
  Communicator& world = context.communicator();
  if (world.single_host() || context.hierarchy() == Hierarchy::kFlat) return false;
  if (!context.hosts_share_memory() || world.most_ranks_per_host() > kMaxReduceInputs ||
      world.host_count() > kMaxReduceInputs) {
    return false;
  }
  const auto carriers = static_cast<std::size_t>(CarriersFor(context, SizeBytes(arguments)));
  if (world.most_ranks_per_host() > 1 && SlotBytes(context) / (carriers + 1) < kLineBytes) {
    return false;
  }
  return PartsFit(context, arguments);
}

// Inside hosts a tree over their ranks, between them one over hosts, whatever the size: together
// the tree over all ranks where each host has the next 2^k of them.
ReductionOrder HierarchicalOrder(CollectiveContext& context) {
  Communicator& world = context.communicator();
  if (context.wire_format() != WireFormat::kSame) return ReductionOrder::kOffsetDependent;
  const ReductionOrder net = NetOrder(context, world.host_count() <= kDirectHosts);
  const auto per_host = static_cast<unsigned>(world.most_ranks_per_host());
  const bool tree =
      world.hosts_are_even() && world.hosts_are_blocks() && (per_host & (per_host - 1)) == 0;
  return std::min(net, tree ? ReductionOrder::kTree : ReductionOrder::kFixed);
}

std::string Describe(const HierarchicalPlan& plan, int hosts) {
  const std::string who = plan.carriers == 1 ? "leader" : StrCat("rails of ", plan.carriers);
  const std::string inside = plan.local == LocalForm::kAlone ? "one rank a host"
                             : plan.local == LocalForm::kRegistered
                                 ? who + ", local in registered memory"
                                 : who + (plan.tiny ? ", local in flag lines" : ", local in slots");
  return StrCat(inside, ", net ", NetName(plan, hosts),
                plan.wire == WireFormat::kSame ? "" : StrCat(" as ", Name(plan.wire)), ", ",
                plan.chunks, plan.chunks == 1 ? " chunk" : " chunks");
}

}  // namespace ronde
