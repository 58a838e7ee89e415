#include "collectives/shared/block_layout.h"

#include "core/base/strcat.h"

namespace ronde {

Status CheckBlockSizes(std::string_view collective, std::span<const std::int64_t> sizes,
                       std::size_t expected) {
  if (sizes.size() != expected) {
    return Status::InvalidArgument(
        StrCat(collective, ": got ", sizes.size(), " block sizes, expected ", expected));
  }
  for (std::size_t block = 0; block < sizes.size(); ++block) {
    if (sizes[block] >= 0) continue;
    return Status::InvalidArgument(
        StrCat(collective, ": the size of block ", block, " is ", sizes[block], ", below 0"));
  }
  return Status::Ok();
}

}  // namespace ronde
