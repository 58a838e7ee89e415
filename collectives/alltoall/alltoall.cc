#include "collectives/alltoall/alltoall.h"

#include <cstring>

#include "collectives/alltoall/forms.h"
#include "collectives/shared/one_host.h"
#include "collectives/shared/peer_places.h"

namespace ronde {
namespace {

struct Form {
  std::string_view name;
  Status (*run)(CollectiveContext&, const AlltoallArguments&);
};

Status Copy(CollectiveContext&, const AlltoallArguments& arguments) {
  const auto size = static_cast<std::size_t>(arguments.block_bytes[0]);
  if (size > 0) std::memcpy(arguments.output, arguments.input, size);
  return Status::Ok();
}

constexpr Form kCopy = {"copy", Copy};
constexpr Form kPull = {"pull", PullAlltoall};
constexpr Form kSharedMemory = {"shared_memory", SharedMemoryAlltoall};
constexpr Form kPairwise = {"pairwise", PairwiseAlltoall};

const Form& FormFor(CollectiveContext& context, const AlltoallArguments& arguments) {
  if (context.size() == 1) return kCopy;
  if (!OneHostSharesMemory(context)) return kPairwise;
  const bool large = WorthSecondStep(context, LargestInput(arguments, context.size()));
  const bool has_places = PeerPlaces(*context.shared_channel()).place_bytes() > 0;
  if (arguments.input_place.registered() && (large || !has_places)) return kPull;
  return has_places ? kSharedMemory : kPairwise;
}

}  // namespace

Status Alltoall(CollectiveContext& context, const AlltoallArguments& arguments) {
  const auto ranks = static_cast<std::size_t>(context.size());
  RONDE_RETURN_IF_ERROR(CheckBlockSizes("alltoall", arguments.block_bytes, ranks * ranks));
  return FormFor(context, arguments).run(context, arguments);
}

std::string_view AlltoallAlgorithm(CollectiveContext& context, const AlltoallArguments& arguments) {
  return FormFor(context, arguments).name;
}

}  // namespace ronde
