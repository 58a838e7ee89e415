#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <mpi.h>

#include "core/base/status.h"
#include "core/comm/transports/doorbell.h"
#include "core/comm/transports/life_signs.h"

namespace ronde {

/// How ranks see that others are stopped, hang, or sit behind a dead link, of which no system call
/// tells. The engine's thread of every rank raises a counter in its doorbell's page; the lowest
/// rank of every host also sends its own to those of the other hosts. A rank that computes for long
/// outside the engine is alive.
/// Engine-only.
class MpiHeartbeat {
 public:
  /// `comm` and `doorbell` must outlive it. Silence is a death when it lasts `patience_s`.
  MpiHeartbeat(MPI_Comm comm, Doorbell& doorbell, const std::vector<std::string>& host_ids,
               const std::vector<std::string>& host_names, double patience_s);
  ~MpiHeartbeat();
  MpiHeartbeat(const MpiHeartbeat&) = delete;
  MpiHeartbeat& operator=(const MpiHeartbeat&) = delete;

  /// Shows that this rank lives, and looks at the others. To be called several times a second.
  /// Error: kAborted, naming who has been silent for too long.
  [[nodiscard]] Status Beat();
  /// Tells the other hosts that this one is not to be waited for any more.
  void Leave();

 private:
  struct Sent {
    int peer = 0;  // the lowest rank of another host
    std::uint64_t counter = 0;
    MPI_Request request = MPI_REQUEST_NULL;
  };

  void LookAtThisHost(std::int64_t now_ns);
  void SendToOtherHosts(std::uint64_t counter);
  void ReceiveFromOtherHosts(std::int64_t now_ns);

  MPI_Comm comm_;
  Doorbell& doorbell_;
  const std::vector<std::string>& host_names_;
  int rank_ = 0;
  std::int64_t send_every_ns_;
  std::int64_t next_send_ns_;
  std::uint64_t counter_ = 0;
  LifeSigns signs_;
  std::vector<Sent> other_hosts_;  // empty on all but the lowest rank of a host
};

}  // namespace ronde
