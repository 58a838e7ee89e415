#pragma once

#include <cstdint>
#include <utility>

#include <nlohmann/json.hpp>

#include "frontends/resnet/epoch_record.h"

namespace ronde {

/// What EpochJson wrote, bit for bit; times and bytes too. Throws nlohmann::json::exception for
/// anything else.
[[nodiscard]] EpochRecord EpochRecordFromJson(const nlohmann::ordered_json& json);

/// An integer that fits T; nlohmann's own conversion cuts fractions and high bits off. Throws
/// nlohmann::json::exception for anything else.
template <typename T>
[[nodiscard]] T IntegerFromJson(const nlohmann::ordered_json& json) {
  const bool fits = json.is_number_unsigned()
                        ? std::in_range<T>(json.get<std::uint64_t>())
                        : json.is_number_integer() && std::in_range<T>(json.get<std::int64_t>());
  if (!fits) {
    throw nlohmann::json::other_error::create(501, "expected an integer in range", nullptr);
  }
  return json.get<T>();
}

}  // namespace ronde
