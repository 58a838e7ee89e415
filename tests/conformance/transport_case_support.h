#pragma once

#include <time.h>

#include <chrono>
#include <cstring>
#include <thread>
#include <vector>

#include "tests/conformance/conformance_check.h"
#include "tests/conformance/transport_conformance.h"

namespace ronde {

inline constexpr double kPatienceS = 20;

inline Deadline Patience() { return Deadline::After(kPatienceS); }

// Words rather than bytes: sanitizers charge for every access.
inline std::vector<std::byte> Pattern(std::size_t size_bytes, int seed) {
  std::vector<std::byte> data(size_bytes + sizeof(std::uint64_t));
  std::uint64_t state = static_cast<std::uint64_t>(seed) + 1;
  for (std::size_t at = 0; at < size_bytes; at += sizeof(state)) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    std::memcpy(data.data() + at, &state, sizeof(state));
  }
  data.resize(size_bytes);
  return data;
}

inline double ThreadCpuSeconds() {
  timespec time = {};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

inline double Seconds() { return static_cast<double>(SteadyClock().NowNs()) * 1e-9; }

inline void SleepFor(double seconds) {
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
}

// A barrier by data messages: everyone tells rank 0, rank 0 tells everyone.
inline Status Barrier(Transport& transport) {
  constexpr int kTag = 900;
  for (int peer = 1; transport.rank() == 0 && peer < transport.size(); ++peer) {
    RONDE_RETURN_IF_ERROR(transport.Receive(peer, kTag, {}, Patience()));
  }
  if (transport.rank() != 0) {
    RONDE_RETURN_IF_ERROR(transport.Send(0, kTag, {}, Patience()));
    return transport.Receive(0, kTag, {}, Patience());
  }
  for (int peer = 1; peer < transport.size(); ++peer) {
    RONDE_RETURN_IF_ERROR(transport.Send(peer, kTag, {}, Patience()));
  }
  return Status::Ok();
}

/// The cases of StartSend and StartReceive.
[[nodiscard]] std::span<const ConformanceCase> TransportPendingCases();

/// The cases of the control plane and the doorbell.
[[nodiscard]] std::span<const ConformanceCase> TransportControlCases();

}  // namespace ronde
