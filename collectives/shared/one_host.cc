#include "collectives/shared/one_host.h"

#include <algorithm>
#include <utility>

#include "collectives/cost_model.h"
#include "core/base/strcat.h"

namespace ronde {

bool OneHostSharesMemory(CollectiveContext& context) {
  return context.shared_channel() != nullptr && context.communicator().single_host();
}

ByteRange ShareOf(std::size_t total, int rank, int ranks, std::size_t skew) {
  constexpr std::size_t kLineBytes = 64;
  const std::size_t unit = static_cast<std::size_t>(ranks) * kLineBytes;
  const std::size_t share = (total + skew + unit - 1) / unit * kLineBytes;
  const auto boundary = [&](int number) {
    const std::size_t lines = static_cast<std::size_t>(number) * share;
    return std::min(total, lines > skew ? lines - skew : 0);
  };
  return {boundary(rank), boundary(rank + 1)};
}

bool WorthSecondStep(CollectiveContext& context, std::size_t size_bytes) {
  const CostModel& costs = context.costs();
  return static_cast<double>(size_bytes) * costs.shared_memory.beta_us > costs.registered.alpha_us;
}

bool ExceedsCache(CollectiveContext& context, std::size_t working_set_bytes) {
  return static_cast<double>(working_set_bytes) >
         static_cast<double>(context.costs().streaming_bytes);
}

Result<RegisteredBuffer> RegisteredBuffer::Find(CollectiveContext& context,
                                                const MemoryPlace& place,
                                                std::string_view collective) {
  auto segment = context.registered().Segment(place);
  if (segment == nullptr) {
    return Status::Internal(StrCat(collective, ": the registered memory has been given back"));
  }
  return RegisteredBuffer(std::move(segment), context.registered_parts(), place.offset);
}

}  // namespace ronde
