#include "core/comm/clock_offset.h"

#include <cstdlib>
#include <span>

namespace ronde {
namespace {

constexpr int kTag = 1001;  // beyond those of the collectives, which do not run yet
constexpr int kExchanges = 16;
constexpr double kStartupTimeoutS = 120;  // hosts need not start at the same moment

// From rank 0: answer with your time, or, where `last`, this is the result.
struct Ping {
  std::int64_t last = 0;
  ClockOffset result;
};

template <typename T>
Status SendValue(Transport& transport, int peer, const T& value, Deadline deadline) {
  return transport.Send(peer, kTag, std::as_bytes(std::span(&value, 1)), deadline);
}

template <typename T>
Status ReceiveValue(Transport& transport, int peer, T& value, Deadline deadline) {
  return transport.Receive(peer, kTag, std::as_writable_bytes(std::span(&value, 1)), deadline);
}

Result<ClockOffset> Exchange(Transport& transport, int peer, const Clock& clock,
                             Deadline deadline) {
  const std::int64_t before_ns = clock.NowNs();
  RONDE_RETURN_IF_ERROR(SendValue(transport, peer, Ping(), deadline));
  std::int64_t peer_ns = 0;
  RONDE_RETURN_IF_ERROR(ReceiveValue(transport, peer, peer_ns, deadline));
  const std::int64_t after_ns = clock.NowNs();
  ClockOffset measured;
  measured.error_ns = (after_ns - before_ns + 1) / 2;
  measured.offset_ns = peer_ns - (before_ns + measured.error_ns);
  return measured;
}

// Rank 0's part for one peer.
Status Measure(Transport& transport, int peer, const Clock& clock, std::int64_t origin_ns,
               Deadline deadline) {
  RONDE_ASSIGN_OR_RETURN(ClockOffset best, Exchange(transport, peer, clock, deadline));
  const bool one_clock =
      transport.host_id(peer) == transport.host_id(0) && std::abs(best.offset_ns) <= best.error_ns;
  if (one_clock) best = ClockOffset();
  for (int i = 1; i < kExchanges && !one_clock; ++i) {
    RONDE_ASSIGN_OR_RETURN(const ClockOffset next, Exchange(transport, peer, clock, deadline));
    if (next.error_ns < best.error_ns) best = next;
  }
  best.origin_ns = origin_ns;
  return SendValue(transport, peer, Ping{1, best}, deadline);
}

}  // namespace

Result<ClockOffset> MeasureClockOffset(Transport& transport, const Clock& clock) {
  const Deadline deadline = Deadline::After(kStartupTimeoutS);
  if (transport.rank() == 0) {
    ClockOffset own;
    own.origin_ns = clock.NowNs();
    for (int peer = 1; peer < transport.size(); ++peer) {
      RONDE_RETURN_IF_ERROR(Measure(transport, peer, clock, own.origin_ns, deadline));
    }
    return own;
  }
  while (true) {
    Ping ping;
    RONDE_RETURN_IF_ERROR(ReceiveValue(transport, 0, ping, deadline));
    if (ping.last != 0) return ping.result;
    RONDE_RETURN_IF_ERROR(SendValue(transport, 0, clock.NowNs(), deadline));
  }
}

}  // namespace ronde
