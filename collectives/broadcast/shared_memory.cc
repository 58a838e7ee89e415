#include <algorithm>
#include <cstring>

#include "collectives/broadcast/forms.h"
#include "collectives/shared/shared_channel.h"
#include "collectives/shared/tiny_round.h"

namespace ronde {
namespace {

Status InOneRound(CollectiveContext& context, const BroadcastArguments& arguments) {
  TinyRound round(context);
  const bool is_root = context.rank() == arguments.root;
  if (is_root) std::memcpy(round.mine(), arguments.data, arguments.size_bytes);
  RONDE_RETURN_IF_ERROR(round.Run());
  if (!is_root) std::memcpy(arguments.data, round.of(arguments.root), arguments.size_bytes);
  if (is_root) context.AddSharedBytes(arguments.size_bytes);
  return Status::Ok();
}

}  // namespace

Status SharedMemoryBroadcast(CollectiveContext& context, const BroadcastArguments& arguments) {
  if (TinyRound::Takes(arguments.size_bytes)) return InOneRound(context, arguments);
  SharedChannel& channel = *context.shared_channel();
  const Deadline deadline = context.NewDeadline();
  const bool is_root = context.rank() == arguments.root;
  auto* const data = static_cast<std::byte*>(arguments.data);
  for (std::size_t begin = 0; begin < arguments.size_bytes; begin += channel.slot_bytes()) {
    const std::size_t size = std::min(channel.slot_bytes(), arguments.size_bytes - begin);
    if (is_root) std::memcpy(channel.next_slot(), data + begin, size);
    RONDE_RETURN_IF_ERROR(channel.Step(deadline));
    if (!is_root) std::memcpy(data + begin, channel.slot(arguments.root), size);
  }
  if (is_root) context.AddSharedBytes(arguments.size_bytes);
  return Status::Ok();
}

}  // namespace ronde
