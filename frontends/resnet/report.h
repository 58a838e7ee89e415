#pragma once

#include <span>
#include <string>

#include "frontends/resnet/epoch_record.h"

namespace ronde {

/// The table at the end of a run: one row per phase and one for all, with epochs, seconds, where
/// they went, bytes, synchronisations and the accuracy reached.
[[nodiscard]] std::string FormatReport(std::span<const EpochRecord> records);

/// "1.25 MB"; decimal units, as networks are sold.
[[nodiscard]] std::string FormatBytes(std::uint64_t bytes);

}  // namespace ronde
