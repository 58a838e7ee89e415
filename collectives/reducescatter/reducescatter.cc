#include "collectives/reducescatter/reducescatter.h"

#include "collectives/check_scaling.h"
#include "collectives/reducescatter/forms.h"
#include "collectives/shared/one_host.h"
#include "collectives/shared/peer_places.h"
#include "collectives/shared/several_hosts.h"
#include "core/base/strcat.h"

namespace ronde {
namespace {

struct Form {
  std::string_view name;
  Status (*run)(CollectiveContext&, const ReducescatterArguments&);
};

Status Copy(CollectiveContext&, const ReducescatterArguments& arguments) {
  const std::int64_t count = arguments.rank_counts[0];
  if (count == 0) return Status::Ok();
  ReduceOne(arguments.op, arguments.dtype, arguments.input, arguments.output, count,
            ScalingFor(arguments, 1));
  return Status::Ok();
}

constexpr Form kCopy = {"copy", Copy};
constexpr Form kPull = {"pull", PullReducescatter};
constexpr Form kSharedMemory = {"shared_memory", SharedMemoryReducescatter};
constexpr Form kRing = {"ring", RingReducescatter};
constexpr Form kHierarchical = {"hierarchical", HierarchicalReducescatter};

const Form& FormFor(CollectiveContext& context, const ReducescatterArguments& arguments) {
  if (context.size() == 1) return kCopy;
  const int hosts = context.communicator().host_count();
  if (BlocksGoByHosts(context) && hosts <= kMaxReduceInputs) return kHierarchical;
  if (!OneHostSharesMemory(context) || context.size() > kMaxReduceInputs) return kRing;
  const bool large = WorthSecondStep(context, BlocksOf(arguments).total());
  const bool has_places = PeerPlaces(*context.shared_channel()).place_bytes() > 0;
  if (arguments.input_place.registered() && (large || !has_places)) return kPull;
  return has_places ? kSharedMemory : kRing;
}

}  // namespace

Status CheckArguments(const ReducescatterArguments& arguments, int ranks) {
  RONDE_RETURN_IF_ERROR(
      CheckBlockSizes("reducescatter", arguments.rank_counts, static_cast<std::size_t>(ranks)));
  if (!IsElementwise(arguments.op)) {
    return Status::InvalidArgument(StrCat("reducescatter: ", Name(arguments.op),
                                          " works on whole tensors, which cannot be scattered; use "
                                          "allreduce"));
  }
  return CheckScaling("reducescatter", arguments.dtype, arguments.prescale, arguments.postscale);
}

Status Reducescatter(CollectiveContext& context, const ReducescatterArguments& arguments) {
  RONDE_RETURN_IF_ERROR(CheckArguments(arguments, context.size()));
  return FormFor(context, arguments).run(context, arguments);
}

std::string_view ReducescatterAlgorithm(CollectiveContext& context,
                                        const ReducescatterArguments& arguments) {
  return FormFor(context, arguments).name;
}

}  // namespace ronde
