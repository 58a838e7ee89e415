#pragma once

#include <cstdint>

#include "core/control/message.h"

namespace ronde {

/// Shared by the writer (message.cc) and the reader (message_decode.cc) of the wire format.
inline constexpr std::uint16_t kWireVersion = 4;
inline constexpr int kOperationKindCount = static_cast<int>(OperationKind::kRemoveProcessSet) + 1;
inline constexpr int kStatusCodeCount = static_cast<int>(StatusCode::kInternal) + 1;

/// Slots of the response cache are below it: ranks keep tables by slot.
inline constexpr std::uint32_t kSlotLimit = 1 << 16;

}  // namespace ronde
