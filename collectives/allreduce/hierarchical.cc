#include <algorithm>
#include <memory>

#include "collectives/allreduce/common.h"
#include "collectives/allreduce/hierarchical/local_side.h"
#include "collectives/allreduce/hierarchical/net_side.h"
#include "collectives/allreduce/hierarchical/pipeline.h"
#include "collectives/allreduce/hierarchical/plan.h"
#include "collectives/allreduce/hierarchical/tiny.h"
#include "collectives/cost_model.h"

namespace ronde {
namespace {

/// Allreduce of the ranks of several hosts: sums inside each host first, so that each byte crosses
/// the network once for a host, not once for a rank. Every rank of a host carries its shard of the
/// sum (rails), or one carries all (leader: uneven hosts, small messages). In chunks: while one is
/// on the wire, the next is summed up and the last is handed out.
///
/// Cost:   N hosts, w bytes on the wire for one. Two hosts (pairwise): alpha + n w beta. Small:
/// three
///         hosts (one shot) alpha, more (gathered) ceil(log2 N) alpha, and (N-1) n w beta. Else up
///         to 16 hosts (direct) 2 alpha + 2n(N-1)/N w beta, beyond (ring) 2(N-1) alpha and the same
///         bytes. Besides, inside a host, two steps and the first and last chunk's passes
/// Buffer: `input` (may be `output`) to `output`, `count` elements, or pieces; in registered memory
///         rails read and write where it lies. Scratch: 3 to 5 chunks of at most 128 KiB a rank and
///         other host; for a ring 2(N-1).
/// Order:  a tree over a host's ranks, then one over hosts, for every element (kFixed; kTree where
///         each host has the next 2^k ranks); 16-bit types in float32, rounded to 16 bits once for
///         a host and once at the end. Beyond 16 hosts (ring), with net=ring or with
///         --wire-compression it depends on the offset. All ranks get the same bits, always.
/// Errors: kTimeout naming a rank that is missing, kAborted; `output` is then undefined.
/// Source: Jia et al., arXiv:1807.11205, 2018; Mikami et al., arXiv:1811.05233, 2018; direct
///         reduce-scatter + allgather: Chan et al., Concurr. Comput. Pract. Exper. 19(13), 2007.
class Hierarchical final : public AllreduceAlgorithm {
 public:
  std::string_view name() const override { return "hierarchical"; }

  bool Supports(CollectiveContext& context, const AllreduceArguments& arguments) const override {
    return HierarchicalIsPossible(context, arguments);
  }
  std::string_view Needs() const override {
    return "several hosts whose ranks share memory, --hierarchy other than flat, and parts "
           "(local=, "
           "net=) that can run there";
  }
  bool TakesPieces() const override { return true; }
  ReductionOrder OrderIn(CollectiveContext& context) const override {
    // On one host it does not run, and nothing is to be found out.
    return context.communicator().single_host() ? ReductionOrder::kTree
                                                : HierarchicalOrder(context);
  }
  bool OrderDependsOnHosts() const override { return true; }
  std::string Parts(CollectiveContext& context,
                    const AllreduceArguments& arguments) const override {
    return Describe(PlanHierarchical(context, arguments), context.communicator().host_count());
  }
  double Cost(CollectiveContext& context, const AllreduceArguments& arguments) const override;
  Status Run(CollectiveContext& context, const AllreduceArguments& arguments) const override;

 private:
  ReductionOrder DeclaredOrder() const override { return ReductionOrder::kFixed; }
};

// Of a carrier. Where several leave at once they cost as much: alpha is mostly system calls.
double NetMessages(NetForm form, int hosts) {
  switch (form) {
    case NetForm::kPairwise:
    case NetForm::kOneShot:
      return hosts - 1;
    case NetForm::kGather:
      return CeilLog2(hosts);
    case NetForm::kDirect:
    case NetForm::kRing:
      return 2 * (hosts - 1);
    case NetForm::kNamed:
      break;
  }
  return 0;
}

// Between hosts: microseconds. Sums are taken while the wire works; of one chunk, after.
double NetCost(CollectiveContext& context, const AllreduceArguments& arguments,
               const HierarchicalPlan& plan) {
  if (plan.net == NetForm::kNamed) return plan.named->Cost(context.cross_context(), arguments);
  const LinkCost& link = context.costs().network;
  const int hosts = context.communicator().host_count();
  const double bytes =
      static_cast<double>(plan.wire == WireFormat::kSame ? SizeBytes(arguments)
                                                         : WireBytes(plan.wire, arguments.count));
  const double sum =
      bytes / static_cast<double>(std::max<std::size_t>(1, plan.chunks)) * link.gamma_us;
  const bool in_parts = plan.net == NetForm::kDirect || plan.net == NetForm::kRing;
  const double data_us =
      in_parts ? (2 * bytes * link.beta_us + sum) / hosts : bytes * link.beta_us + sum;
  return NetMessages(plan.net, hosts) * link.alpha_us + (hosts - 1) * data_us;
}

// What memory adds while the wire is idle: the first chunk's sum and the last one's way out.
double LocalCost(CollectiveContext& context, const AllreduceArguments& arguments,
                 const HierarchicalPlan& plan) {
  const int ranks = context.communicator().most_ranks_per_host();
  if (ranks == 1) return 0;
  const bool registered = plan.local == LocalForm::kRegistered;
  const LinkCost& link = registered ? context.costs().registered : context.costs().shared_memory;
  const double chunk = static_cast<double>(std::min(plan.chunk_bytes, SizeBytes(arguments)));
  return 2 * link.alpha_us + chunk * ((registered ? 2 : 4) * link.beta_us + link.gamma_us);
}

double Hierarchical::Cost(CollectiveContext& context, const AllreduceArguments& arguments) const {
  const HierarchicalPlan plan = PlanHierarchical(context, arguments);
  const int hosts = context.communicator().host_count();
  const double carriers = plan.carriers * hosts;
  return std::max(NetCost(context, arguments, plan) + LocalCost(context, arguments, plan),
                  TurnsUs(context, NetMessages(plan.net, hosts) * carriers / context.size()));
}

// From a chunk's sum to its result.
std::size_t NetRounds(const NetSide& net) {
  return static_cast<std::size_t>(net.phases() * net.rounds_per_phase());
}

Status Hierarchical::Run(CollectiveContext& context, const AllreduceArguments& arguments) const {
  RONDE_RETURN_IF_ERROR(CheckArguments(arguments));
  if (arguments.count == 0) return Status::Ok();
  const HierarchicalPlan plan = PlanHierarchical(context, arguments);
  if (plan.tiny) return RunTinyHierarchical(context, arguments, plan);

  // On a rank that is no carrier it only tells how many rounds there are.
  const bool carries = context.local_context().rank() < plan.carriers;
  const NetCall call = {.rail = context.cross_context(),
                        .hosts = context.communicator().host_count(),
                        .dtype = arguments.dtype,
                        .op = arguments.op,
                        .result = ResultPart(ScalingFor(arguments, context.size())),
                        .wire = plan.wire,
                        .shard_bytes = plan.shard_bytes};
  const std::unique_ptr<NetSide> net = MakeNetSide(call, plan);
  RONDE_ASSIGN_OR_RETURN(const std::unique_ptr<LocalSide> local,
                         MakeLocalSide(context, arguments, plan));
  Pipeline pipeline(context, {*local, carries ? net.get() : nullptr, NetRounds(*net)},
                    plan.shard_bytes);
  return pipeline.Run(plan.chunks);
}

}  // namespace

const AllreduceAlgorithm& HierarchicalAllreduce() {
  static const Hierarchical algorithm;
  return algorithm;
}

}  // namespace ronde
