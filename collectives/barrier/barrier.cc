#include "collectives/barrier/barrier.h"

#include <array>

#include "collectives/shared/shared_channel.h"
#include "collectives/tags.h"

namespace ronde {
namespace {

Status Dissemination(CollectiveContext& context) {
  const Deadline deadline = context.NewDeadline();
  const int ranks = context.size();
  const int rank = context.rank();
  const std::array<std::byte, 1> signal{};
  std::array<std::byte, 1> received{};
  for (int distance = 1; distance < ranks; distance *= 2) {
    RONDE_RETURN_IF_ERROR(context.transport().SendReceive((rank + distance) % ranks, signal,
                                                          (rank - distance + ranks) % ranks,
                                                          received, kBarrierTag, deadline));
  }
  return Status::Ok();
}

}  // namespace

Status Barrier(CollectiveContext& context) {
  if (context.size() == 1) return Status::Ok();
  const bool shared = context.shared_channel() != nullptr && context.communicator().single_host();
  return shared ? context.shared_channel()->Step(context.NewDeadline()) : Dissemination(context);
}

}  // namespace ronde
