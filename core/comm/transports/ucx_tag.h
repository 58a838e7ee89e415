#pragma once

#include <cstdint>

#include <ucp/api/ucp.h>

#include "core/comm/transports/wire.h"

namespace ronde::ucx_tag {

/// What a message is for. UCX matches messages by a tag of 64 bits: from the top, 2 bits of kind,
/// 24 of group, 22 of the sender's rank in the world, 16 of the caller's tag (or a notice).
enum class Kind : std::uint64_t { kData, kControl, kNotice };

inline constexpr int kGroupBits = 24;
inline constexpr int kSourceBits = 22;
inline constexpr int kTagBits = 16;

inline constexpr ucp_tag_t kKindMask = ucp_tag_t{3} << (kGroupBits + kSourceBits + kTagBits);
inline constexpr ucp_tag_t kAllBits = ~ucp_tag_t{0};

[[nodiscard]] constexpr ucp_tag_t Make(Kind kind, const WireTag& tag, int source) {
  ucp_tag_t bits = static_cast<ucp_tag_t>(kind);
  bits = bits << kGroupBits | static_cast<ucp_tag_t>(tag.group);
  bits = bits << kSourceBits | static_cast<ucp_tag_t>(source);
  return bits << kTagBits | static_cast<ucp_tag_t>(tag.tag);
}

[[nodiscard]] constexpr int SourceOf(ucp_tag_t bits) {
  return static_cast<int>(bits >> kTagBits & ((ucp_tag_t{1} << kSourceBits) - 1));
}

/// The caller's tag.
[[nodiscard]] constexpr int TagOf(ucp_tag_t bits) {
  return static_cast<int>(bits & ((ucp_tag_t{1} << kTagBits) - 1));
}

}  // namespace ronde::ucx_tag
