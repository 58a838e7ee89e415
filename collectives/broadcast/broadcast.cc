#include "collectives/broadcast/broadcast.h"

#include "collectives/broadcast/forms.h"
#include "collectives/shared/one_host.h"
#include "collectives/shared/several_hosts.h"
#include "core/base/strcat.h"

namespace ronde {
namespace {

struct Form {
  std::string_view name;
  Status (*run)(CollectiveContext&, const BroadcastArguments&);
};

Status Copy(CollectiveContext&, const BroadcastArguments&) { return Status::Ok(); }

constexpr Form kCopy = {"copy", Copy};
constexpr Form kPush = {"push", PushBroadcast};
constexpr Form kSharedMemory = {"shared_memory", SharedMemoryBroadcast};
constexpr Form kBinomialTree = {"binomial_tree", BinomialTreeBroadcast};
constexpr Form kTreeOfHosts = {"hierarchical_tree", TreeOfHostsBroadcast};
constexpr Form kChainOfHosts = {"hierarchical_chain", ChainOfHostsBroadcast};

const Form& FormFor(CollectiveContext& context, const BroadcastArguments& arguments) {
  if (context.size() == 1) return kCopy;
  if (GoesByHosts(context)) {
    return ChainBeatsTree(context, arguments.size_bytes) ? kChainOfHosts : kTreeOfHosts;
  }
  if (!OneHostSharesMemory(context)) return kBinomialTree;
  const bool large = WorthSecondStep(context, arguments.size_bytes);
  return arguments.place.registered() && large ? kPush : kSharedMemory;
}

}  // namespace

Status Broadcast(CollectiveContext& context, const BroadcastArguments& arguments) {
  if (arguments.root < 0 || arguments.root >= context.size()) {
    return Status::InvalidArgument(
        StrCat("broadcast: root is ", arguments.root, ", outside 0..", context.size() - 1));
  }
  if (arguments.size_bytes == 0) return Status::Ok();
  return FormFor(context, arguments).run(context, arguments);
}

std::string_view BroadcastAlgorithm(CollectiveContext& context,
                                    const BroadcastArguments& arguments) {
  return FormFor(context, arguments).name;
}

}  // namespace ronde
