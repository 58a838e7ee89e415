#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "core/base/status.h"
#include "core/comm/transport.h"

namespace ronde {

/// One region per rank, each mapped by all ranks of a group on one host. Move-only.
/// Thread rule: creation is engine-only; the addresses are immutable.
class SharedSegment {
 public:
  /// Collective over `transport`: every rank contributes `size_bytes`. Either all ranks succeed or
  /// all fail with the same kUnavailable.
  [[nodiscard]] static Result<SharedSegment> Create(Transport& transport, std::size_t size_bytes,
                                                    Deadline deadline);

  /// Where this process sees the part of `rank`. Zero-filled at creation.
  [[nodiscard]] std::byte* part(int rank) const { return parts_[rank]->data(); }
  /// See Region::Detach, for this rank's own part.
  void Detach(std::size_t offset, std::size_t size_bytes) {
    parts_[rank_]->Detach(offset, size_bytes);
  }
  [[nodiscard]] std::size_t size_bytes() const { return parts_.front()->size_bytes(); }

 private:
  SharedSegment() = default;
  std::vector<std::unique_ptr<Region>> parts_;
  int rank_ = 0;
};

}  // namespace ronde
