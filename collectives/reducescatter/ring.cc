#include <array>
#include <span>
#include <utility>

#include "collectives/reducescatter/forms.h"
#include "collectives/shared/segments.h"
#include "collectives/tags.h"

namespace ronde {
namespace {

std::size_t RoundUpToLine(std::size_t size_bytes) { return (size_bytes + 63) / 64 * 64; }

}  // namespace

Status RingReducescatter(CollectiveContext& context, const ReducescatterArguments& arguments) {
  const Deadline deadline = context.NewDeadline();
  const BlockLayout blocks = BlocksOf(arguments);
  const Scaling scaling = ScalingFor(arguments, context.size());
  const int ranks = context.size();
  const int rank = context.rank();
  const auto* const input = static_cast<const std::byte*>(arguments.input);
  const auto count = [&](int block) {
    return arguments.rank_counts[static_cast<std::size_t>(block)];
  };
  const std::size_t room = RoundUpToLine(blocks.largest());
  std::byte* const scratch = context.Scratch(3 * room);
  std::byte* partial = scratch;               // what leaves
  std::byte* received = scratch + room;       // what comes
  std::byte* const own = scratch + 2 * room;  // this rank's part, where a prescale changes it
  const auto own_part = [&](int block, std::byte* buffer) -> const std::byte* {
    const std::byte* const part = input + blocks.begin(block);
    if (scaling.prescale == 1) return part;
    Scale(arguments.dtype, part, buffer, count(block), scaling.prescale);
    return buffer;
  };

  // A block's sum starts at its rank's right neighbour and ends, complete, at its rank.
  const int first = (rank + ranks - 1) % ranks;
  std::span<const std::byte> outgoing(own_part(first, partial), blocks.size(first));
  for (int step = 1; step < ranks; ++step) {
    const int block = (rank - 1 - step + 2 * ranks) % ranks;
    RONDE_RETURN_IF_ERROR(
        ExchangeInSegments(context, (rank + 1) % ranks, outgoing, (rank + ranks - 1) % ranks,
                           {received, blocks.size(block)}, kReducescatterTag, deadline));
    const bool complete = step == ranks - 1;
    const std::array<const void*, 2> operands = {received, own_part(block, own)};
    const Scaling result = {.postscale = scaling.postscale, .divisor = scaling.divisor};
    if (count(block) > 0) {
      Reduce(arguments.op, arguments.dtype, operands, complete ? arguments.output : received,
             count(block), complete ? result : Scaling{});
    }
    outgoing = {received, blocks.size(block)};
    std::swap(partial, received);
  }
  return Status::Ok();
}

}  // namespace ronde
