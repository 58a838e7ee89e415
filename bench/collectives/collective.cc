#include "bench/collectives/collective.h"

#include <algorithm>
#include <array>

namespace ronde::bench {
namespace {

constexpr std::array<std::string_view, 6> kNames = {"allreduce", "allgather", "reducescatter",
                                                    "broadcast", "alltoall",  "sendrecv"};

bool HasBlocks(Collective collective) {
  return collective == Collective::kAllgather || collective == Collective::kReducescatter ||
         collective == Collective::kAlltoall;
}

// Elements of each rank's block of `count` elements.
std::int64_t BlockOf(std::int64_t count, DataType dtype, int ranks) {
  const std::int64_t per_16_bytes = 16 / static_cast<std::int64_t>(SizeOf(dtype));
  const std::int64_t block = std::max<std::int64_t>(1, count / ranks);
  return block < per_16_bytes ? block : block / per_16_bytes * per_16_bytes;
}

}  // namespace

std::span<const std::string_view> CollectiveNames() { return kNames; }

std::string_view Name(Collective collective) {
  return kNames[static_cast<std::size_t>(collective)];
}

std::optional<Collective> ParseCollective(std::string_view name) {
  const auto* const found = std::find(kNames.begin(), kNames.end(), name);
  if (found == kNames.end()) return std::nullopt;
  return static_cast<Collective>(found - kNames.begin());
}

Layout LayoutOf(Collective collective, std::int64_t size_bytes, DataType dtype, int ranks) {
  const auto element_bytes = static_cast<std::int64_t>(SizeOf(dtype));
  const std::int64_t count = std::max<std::int64_t>(1, size_bytes / element_bytes);
  Layout layout = {count, count, count, count * element_bytes};
  if (HasBlocks(collective)) {
    layout.count = BlockOf(count, dtype, ranks);
    const std::int64_t all = layout.count * ranks;
    layout.input_count = collective == Collective::kAllgather ? layout.count : all;
    layout.output_count = collective == Collective::kReducescatter ? layout.count : all;
    layout.size_bytes = all * element_bytes;
  }
  return layout;
}

double BusFactor(Collective collective, int ranks) {
  const double share = static_cast<double>(ranks - 1) / ranks;
  switch (collective) {
    case Collective::kAllreduce:
      return 2 * share;
    case Collective::kAllgather:
    case Collective::kReducescatter:
    case Collective::kAlltoall:
      return share;
    case Collective::kBroadcast:
    case Collective::kSendrecv:
      return 1;
  }
  return 1;
}

}  // namespace ronde::bench
