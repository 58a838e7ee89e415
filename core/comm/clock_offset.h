#pragma once

#include <cstdint>

#include "core/base/clock.h"
#include "core/base/status.h"
#include "core/comm/transport.h"

namespace ronde {

/// How this rank's clock relates to rank 0's. A plain value.
struct ClockOffset {
  std::int64_t offset_ns = 0;  ///< this clock minus rank 0's at the same moment
  std::int64_t error_ns = 0;   ///< how far off that may be, when it was measured
  std::int64_t origin_ns = 0;  ///< on rank 0's clock: when the measurement began; equal everywhere

  /// A time of this rank's clock as nanoseconds since the origin, on rank 0's clock.
  [[nodiscard]] std::int64_t SinceOrigin(std::int64_t local_ns) const {
    return local_ns - offset_ns - origin_ns;
  }
};

/// Compares every rank's clock with rank 0's, one rank after the other: of several exchanges of a
/// message the one with the shortest round trip counts, whose half bounds the error. Ranks of one
/// host read one clock; they are taken at their word (offset and error 0) where the first exchange
/// does not contradict it. What clocks drift apart later is not seen.
/// Collective; before an engine uses the transport. Cost: one round trip for each rank of rank
/// 0's host, kExchanges for each other, in sequence.
/// Errors: kTimeout, kAborted. Source: Cristian, Distributed Computing 3, 1989.
[[nodiscard]] Result<ClockOffset> MeasureClockOffset(Transport& transport, const Clock& clock);

}  // namespace ronde
