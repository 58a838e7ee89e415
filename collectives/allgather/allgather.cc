#include "collectives/allgather/allgather.h"

#include <cstring>

#include "collectives/allgather/forms.h"
#include "collectives/shared/block_layout.h"
#include "collectives/shared/one_host.h"
#include "collectives/shared/several_hosts.h"

namespace ronde {
namespace {

struct Form {
  std::string_view name;
  Status (*run)(CollectiveContext&, const AllgatherArguments&);
};

Status Copy(CollectiveContext&, const AllgatherArguments& arguments) {
  const auto size = static_cast<std::size_t>(arguments.rank_bytes[0]);
  if (size > 0 && arguments.input != arguments.output) {
    std::memcpy(arguments.output, arguments.input, size);
  }
  return Status::Ok();
}

constexpr Form kCopy = {"copy", Copy};
constexpr Form kPush = {"push", PushAllgather};
constexpr Form kSharedMemory = {"shared_memory", SharedMemoryAllgather};
constexpr Form kRing = {"ring", RingAllgather};
constexpr Form kRails = {"hierarchical_rails", RailsAllgather};
constexpr Form kLeader = {"hierarchical_leader", LeaderAllgather};

const Form& FormFor(CollectiveContext& context, const AllgatherArguments& arguments) {
  if (context.size() == 1) return kCopy;
  if (BlocksGoByHosts(context)) return UsesRails(context) ? kRails : kLeader;
  if (!OneHostSharesMemory(context)) return kRing;
  const bool large = WorthSecondStep(context, BlockLayout(arguments.rank_bytes).total());
  return arguments.output_place.registered() && large ? kPush : kSharedMemory;
}

}  // namespace

Status Allgather(CollectiveContext& context, const AllgatherArguments& arguments) {
  RONDE_RETURN_IF_ERROR(
      CheckBlockSizes("allgather", arguments.rank_bytes, static_cast<std::size_t>(context.size())));
  return FormFor(context, arguments).run(context, arguments);
}

std::string_view AllgatherAlgorithm(CollectiveContext& context,
                                    const AllgatherArguments& arguments) {
  return FormFor(context, arguments).name;
}

}  // namespace ronde
