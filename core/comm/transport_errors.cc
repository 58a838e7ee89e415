#include "core/comm/transport_errors.h"

#include <cstdio>

#include "core/base/strcat.h"

namespace ronde {

Status PeerTimeout(int world_rank, double waited_s, std::string_view action, const PeerName& peer) {
  char seconds[32];
  std::snprintf(seconds, sizeof(seconds), "%.1f s", waited_s);
  return Status::Timeout(StrCat("rank ", world_rank, " waited ", seconds, " ", action, " rank ",
                                peer.world_rank, " (host ", peer.host,
                                "); it is stopped, unreachable or slow: see its output, and raise "
                                "--timeout-s if it only needs longer"));
}

Status SizeMismatch(int world_rank, const PeerName& peer, int tag, std::size_t expected_bytes,
                    std::optional<std::size_t> got_bytes) {
  return Status::Internal(StrCat("rank ", world_rank, " expected ", expected_bytes,
                                 " bytes with tag ", tag, " from rank ", peer.world_rank, " (host ",
                                 peer.host, ") and got ", got_bytes ? StrCat(*got_bytes) : "more"));
}

Status NoControlPlane(std::string_view operation) {
  return Status::Internal(StrCat(
      operation, " was called on a group made by Split; only the world has a control plane"));
}

Status CheckAddress(const Transport& transport, int peer, int tag) {
  if (peer >= 0 && peer < transport.size() && tag >= 0 && tag < kTagLimit) return Status::Ok();
  return Status::Internal(StrCat("peer ", peer, " with tag ", tag,
                                 " is not an address in a group of ", transport.size(),
                                 " ranks (tags end at ", kTagLimit - 1, ")"));
}

}  // namespace ronde
