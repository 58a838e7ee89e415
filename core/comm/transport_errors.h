#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/status.h"
#include "core/comm/transport.h"

namespace ronde {

/// A member of a group as people know it: its rank in the whole job, and its host's name.
struct PeerName {
  int world_rank = 0;
  std::string_view host;
};

/// kTimeout: "rank 0 waited 1.0 s for data from rank 1 (host b); ...".
/// `action` is what was waited for, e.g. "for data from".
[[nodiscard]] Status PeerTimeout(int world_rank, double waited_s, std::string_view action,
                                 const PeerName& peer);

/// kInternal: a message came whose size is not the expected one; `got_bytes` where it is known.
[[nodiscard]] Status SizeMismatch(int world_rank, const PeerName& peer, int tag,
                                  std::size_t expected_bytes, std::optional<std::size_t> got_bytes);

/// kInternal: `operation` needs the control plane, which groups made by Split do not have.
[[nodiscard]] Status NoControlPlane(std::string_view operation);

/// kInternal when `peer` or `tag` is out of range.
[[nodiscard]] Status CheckAddress(const Transport& transport, int peer, int tag);

/// Tags that callers may use are below this one; transports keep those from here on for themselves.
inline constexpr int kTagLimit = 1024;

}  // namespace ronde
