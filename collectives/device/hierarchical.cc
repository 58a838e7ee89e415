#include <algorithm>
#include <vector>

#include "collectives/allreduce/common.h"
#include "collectives/allreduce/hierarchical/parts.h"
#include "collectives/device/algorithm.h"
#include "collectives/device/hierarchical/companion.h"
#include "collectives/device/hierarchical/plan_call.h"
#include "collectives/device/hierarchical/plan_run.h"
#include "collectives/device/kernels/peer_flags.h"

namespace ronde {
namespace {

// Up to this size one rank a host speaks for all: a message each costs more than its bytes.
constexpr std::size_t kLeaderBytes = 4 << 10;
// Each message beyond the first that leaves at once, in alphas.
constexpr double kMessageShare = 0.25;

/// Allreduce of device memory of the ranks of several hosts: kernels sum inside each host, each
/// rank's shard of the sums crosses the network (rails; or all of it by one rank, where hosts are
/// uneven or for little), and copies hand results out inside the hosts. In chunks: while one is on
/// the wire, the next is summed up and copied to pinned memory, and the last comes back. See
/// DevicePlan.
///
/// Cost:   between hosts as hierarchical of host memory: n bytes, N hosts, g ranks on each:
///         2 alpha + 2 (N-1)/N n/g beta. Besides, two barriers of a host's devices, and the first
///         and last chunk's sum, gather and copies
/// Buffer: `input` (may be `output`) to `output`. In mapped memory where hosts have several ranks,
///         at the same places on all; else by way of the channel's staging. Slots: 8 (a ring of N
///         hosts: up to 2(N-1)) chunks of --chunk-bytes, twice over, of pinned memory, or without
///         staging as much device memory.
/// Order:  that of hierarchical of host memory, with its bits for types of 32 and 64 bits.
/// Errors: kTimeout naming a rank that is missing, kAborted; `output` is then undefined.
///
/// The calling thread drives the wire: unlike others, this returns only when the last bytes have
/// come from other hosts; the device may still copy then.
class HierarchicalOfDevices final : public DeviceAllreduceAlgorithm {
 public:
  std::string_view name() const override { return "hierarchical"; }
  bool Supports(DeviceContext& context, const AllreduceArguments& arguments) const override;
  std::string_view Needs() const override {
    return "several hosts, on each at most 16 ranks whose devices reach each other's memory, "
           "--hierarchy other than flat, and net= auto, pairwise (two hosts), direct or ring";
  }
  double Cost(DeviceContext& context, const AllreduceArguments& arguments) const override;
  bool MeetsFirst() const override { return true; }
  ReductionOrder OrderIn(DeviceContext& context) const override {
    return context.group().communicator().single_host() ? ReductionOrder::kTree
                                                        : HierarchicalOrder(context.group());
  }
  bool OrderDependsOnHosts() const override { return true; }
  Status Run(DeviceContext& context, DeviceChannel& channel,
             const AllreduceArguments& arguments) const override;

 private:
  ReductionOrder DeclaredOrder() const override { return ReductionOrder::kFixed; }
};

// A pure function of what is equal on all ranks.
DevicePlanShape ShapeFor(DeviceContext& context, const AllreduceArguments& arguments) {
  CollectiveContext& group = context.group();
  DevicePlanShape shape;
  shape.count = arguments.count;
  shape.dtype = arguments.dtype;
  for (const std::vector<int>& ranks : group.communicator().ranks_of_hosts()) {
    shape.ranks_per_host.push_back(static_cast<int>(ranks.size()));
  }
  const std::size_t size_bytes = SizeBytes(arguments);
  shape.chunk_bytes = std::max<std::size_t>(64, group.chunk_bytes());
  shape.wire = WireFormatFor(group.wire_format(), arguments.dtype, arguments.op);
  shape.gpu_direct =
      shape.wire == WireFormat::kSame && HierarchicalCompanion::Of(context).gpu_direct;
  shape.leader = group.hierarchy() == Hierarchy::kLeader ||
                 (group.hierarchy() == Hierarchy::kAuto && size_bytes <= kLeaderBytes);
  const auto carriers = static_cast<std::size_t>(CarriersOf(shape));
  shape.net = DeviceNetForm(shape.hosts(), size_bytes / carriers);
  const NetPart part = NetPartFor(group, size_bytes);
  if (part.ring) shape.net = NetForm::kRing;
  if (part.direct && shape.net != NetForm::kOneShot) shape.net = NetForm::kDirect;
  return shape;
}

bool HierarchicalOfDevices::Supports(DeviceContext& context,
                                     const AllreduceArguments& arguments) const {
  CollectiveContext& group = context.group();
  const Communicator& world = group.communicator();
  if (world.single_host() || group.hierarchy() == Hierarchy::kFlat) return false;
  const bool reach = world.most_ranks_per_host() == 1 || context.facts().peers_reach_each_other;
  const NetPart part = NetPartFor(group, SizeBytes(arguments));
  if (part.named != nullptr || (part.pairwise && world.host_count() != 2)) return false;
  // Sums on the device are of as many hosts.
  const bool few = !part.direct || world.host_count() <= kMaxPeers;
  return reach && few && world.most_ranks_per_host() <= kMaxPeers;
}

// Between hosts: microseconds. Sums are taken while the wire works.
double NetCost(const LinkCost& link, const DevicePlanShape& shape, double bytes) {
  const double hosts = shape.hosts();
  const double messages = 1 + (hosts - 2) * kMessageShare;  // in alphas
  switch (shape.net) {
    case NetForm::kDirect:
      return 2 * messages * link.alpha_us + 2 * bytes * (hosts - 1) / hosts * link.beta_us;
    case NetForm::kRing:
      return 2 * (hosts - 1) * (link.alpha_us + bytes / hosts * link.beta_us);
    default:
      return messages * link.alpha_us + (hosts - 1) * bytes * link.beta_us;
  }
}

double HierarchicalOfDevices::Cost(DeviceContext& context,
                                   const AllreduceArguments& arguments) const {
  const DevicePlanShape shape = ShapeFor(context, arguments);
  const double ranks = context.group().communicator().most_ranks_per_host();
  // All carriers of a host share its network.
  const auto bytes =
      static_cast<double>(shape.wire == WireFormat::kSame ? SizeBytes(arguments)
                                                          : WireBytes(shape.wire, arguments.count));
  const double shard = static_cast<double>(SizeBytes(arguments)) / CarriersOf(shape);
  const double chunk = std::min(static_cast<double>(shape.chunk_bytes), shard);
  const DeviceCosts& costs = context.costs();
  const double inside =
      ranks == 1 ? 0 : 2 * (costs.peer.alpha_us + ranks * chunk * costs.peer.beta_us);
  const double copies =
      shape.gpu_direct ? 0 : 2 * (costs.host_copy.alpha_us + chunk * costs.host_copy.beta_us);
  return NetCost(context.group().costs().network, shape, bytes) + inside + copies;
}

// One call, or a piece of it that fits into a staging half.
class Piece {
 public:
  Piece(DeviceContext& context, DeviceChannel& channel, const AllreduceArguments& arguments)
      : context_(context), channel_(channel), arguments_(arguments) {}

  Status Run() {
    HierarchicalCompanion& companion = HierarchicalCompanion::Of(context_);
    RONDE_RETURN_IF_ERROR(companion.failure);
    const DevicePlanShape shape = ShapeFor(context_, arguments_);
    RONDE_RETURN_IF_ERROR(CheckDevicePlanShape(shape));
    CollectiveContext& group = context_.group();
    const PlanSchedule& schedule =
        companion.ScheduleFor(shape, group.communicator().host(), group.local_context().rank());
    RONDE_ASSIGN_OR_RETURN(PlanResources* const resources,
                           companion.ResourcesFor(context_, channel_));
    RONDE_RETURN_IF_ERROR(resources->Reserve(schedule.plan, group.NewDeadline()));
    RONDE_ASSIGN_OR_RETURN(const PlanCall call, Call(shape, schedule.plan, *resources));
    companion.failure = PlanRun(call, schedule, *resources).Run();
    CountLocalBytes(schedule.plan);
    return companion.failure;
  }

 private:
  // What a carrier reads of its peers, and writes to them.
  void CountLocalBytes(const DevicePlan& plan) {
    if (plan.local_rank >= plan.carriers) return;
    const std::size_t share = plan.tensor_bytes / static_cast<std::size_t>(plan.carriers);
    context_.group().AddSharedBytes(2 * share * static_cast<std::size_t>(plan.local_size - 1));
  }

  Result<std::vector<std::byte*>> Parts(const void* own, const MemoryPlace& place, int ranks) {
    std::vector<std::byte*> parts(static_cast<std::size_t>(ranks));
    if (ranks == 1) {
      parts[0] = static_cast<std::byte*>(const_cast<void*>(own));
      return parts;
    }
    RONDE_RETURN_IF_ERROR(context_.Peers(place, parts));
    return parts;
  }

  Result<PlanCall> Call(const DevicePlanShape& shape, const DevicePlan& plan,
                        const PlanResources& resources) {
    PlanCall call = {.context = context_,
                     .channel = channel_,
                     .sum = {.dtype = arguments_.dtype,
                             .op = arguments_.op,
                             .scaling = ScalingFor(arguments_, context_.size()),
                             .wire = shape.wire}};
    RONDE_ASSIGN_OR_RETURN(call.inputs,
                           Parts(arguments_.input, arguments_.input_place, plan.local_size));
    RONDE_ASSIGN_OR_RETURN(call.outputs,
                           Parts(arguments_.output, arguments_.output_place, plan.local_size));
    call.memory = {.tensor = static_cast<std::byte*>(arguments_.output),
                   .slots = resources.slots(plan.slot_space),
                   .slot_bytes = plan.slot_bytes};
    return call;
  }

  DeviceContext& context_;
  DeviceChannel& channel_;
  const AllreduceArguments& arguments_;
};

// By way of the channel's staging, in place there, in pieces of its size. Who is alone on its host
// needs no staging, but the same pieces.
Status RunStaged(DeviceContext& context, DeviceChannel& channel, AllreduceArguments arguments) {
  const auto* const input = static_cast<const std::byte*>(arguments.input);
  auto* const output = static_cast<std::byte*>(arguments.output);
  const std::size_t total = SizeBytes(arguments);
  const bool alone = context.group().local_context().size() == 1;
  void* const stream = channel.stream().native;
  for (std::size_t begin = 0; begin < total; begin += channel.staging_bytes()) {
    const std::size_t size_bytes = std::min(channel.staging_bytes(), total - begin);
    arguments.input = input + begin;
    arguments.output = output + begin;
    arguments.count = static_cast<std::int64_t>(size_bytes / SizeOf(arguments.dtype));
    if (!alone) {
      RONDE_ASSIGN_OR_RETURN(const StagingHalf half, channel.NextHalf(/*meets_first=*/true));
      RONDE_RETURN_IF_ERROR(context.device().Copy(half.input, input + begin, size_bytes, stream));
      arguments.input = half.input;
      arguments.output = half.input;
      arguments.input_place = half.input_place;
      arguments.output_place = half.input_place;
    }
    RONDE_RETURN_IF_ERROR(Piece(context, channel, arguments).Run());
    if (alone) continue;
    RONDE_RETURN_IF_ERROR(
        context.device().Copy(output + begin, arguments.output, size_bytes, stream));
  }
  return Status::Ok();
}

Status HierarchicalOfDevices::Run(DeviceContext& context, DeviceChannel& channel,
                                  const AllreduceArguments& arguments) const {
  RONDE_RETURN_IF_ERROR(CheckArguments(arguments));
  if (arguments.count == 0) return Status::Ok();
  // Where one host has several ranks, all hosts cut the call alike.
  const bool mapped = arguments.input_place.registered() && arguments.output_place.registered();
  const bool alone = context.group().communicator().most_ranks_per_host() == 1;
  if (!mapped && !alone) return RunStaged(context, channel, arguments);
  return Piece(context, channel, arguments).Run();
}

}  // namespace

const DeviceAllreduceAlgorithm& HierarchicalDeviceAllreduce() {
  static const HierarchicalOfDevices algorithm;
  return algorithm;
}

}  // namespace ronde
