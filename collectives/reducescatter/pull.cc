#include <algorithm>
#include <span>

#include "collectives/reducescatter/forms.h"
#include "collectives/shared/one_host.h"
#include "collectives/shared/shared_channel.h"
#include "collectives/shared/stream_copy.h"

namespace ronde {

Status PullReducescatter(CollectiveContext& context, const ReducescatterArguments& arguments) {
  RONDE_ASSIGN_OR_RETURN(const RegisteredBuffer inputs,
                         RegisteredBuffer::Find(context, arguments.input_place, "reducescatter"));
  const BlockLayout blocks = BlocksOf(arguments);
  const Scaling scaling = ScalingFor(arguments, context.size());
  const std::size_t begin = blocks.begin(context.rank());
  const std::size_t size = blocks.size(context.rank());
  auto* const output = static_cast<std::byte*>(arguments.output);
  const std::span<const void*> operands = PointerScratch(context).operands;
  // In place the output was just read.
  const bool streams =
      output != inputs.of(context.rank()) + begin &&
      ExceedsCache(context, blocks.total() * static_cast<std::size_t>(context.size() + 1));
  alignas(64) std::byte result[kPieceBytes];
  SharedChannel& channel = *context.shared_channel();
  const Deadline deadline = context.NewDeadline();

  // All inputs are complete.
  RONDE_RETURN_IF_ERROR(channel.Step(deadline));
  for (std::size_t at = 0; at < size; at += kPieceBytes) {
    const std::size_t piece = std::min(kPieceBytes, size - at);
    for (int peer = 0; peer < context.size(); ++peer) {
      operands[static_cast<std::size_t>(peer)] = inputs.of(peer) + begin + at;
    }
    Reduce(arguments.op, arguments.dtype, operands, streams ? result : output + at,
           static_cast<std::int64_t>(piece / SizeOf(arguments.dtype)), scaling);
    if (streams) StreamCopy(output + at, result, piece);
  }
  if (streams) EndStream();
  context.AddSharedBytes(blocks.total() - size);
  // Nobody changes an input that is still being read.
  return channel.Step(deadline);
}

}  // namespace ronde
