#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/status.h"

namespace ronde {

/// What a rule speaks of: the whole collective, or what happens inside hosts and between them.
enum class RulePart { kWhole, kLocal, kNet };

/// One rule of --allreduce-algorithm: "for sizes in this range, this algorithm". Both ends count.
struct SizeRule {
  std::string algorithm;  ///< a name, or "auto"
  std::int64_t min_bytes = 0;
  std::int64_t max_bytes = INT64_MAX;
  std::string text;  ///< as written
  RulePart part = RulePart::kWhole;

  [[nodiscard]] bool Covers(std::int64_t size_bytes) const {
    return size_bytes >= min_bytes && size_bytes <= max_bytes;
  }
};

/// Reads "NAME[:min-max],...": sizes in bytes with K, M or G, of which either may be missing.
/// Before a NAME, "local=" or "net=" may stand. Names are not looked up. Error: kInvalidArgument
/// naming the rule and what is accepted.
[[nodiscard]] Result<std::vector<SizeRule>> ParseSizeRules(std::string_view text);

/// The first rule for `part` that covers the size; null where none does.
[[nodiscard]] const SizeRule* FindRule(const std::vector<SizeRule>& rules, RulePart part,
                                       std::int64_t size_bytes);

/// The algorithms that sizes from 0 on can meet under "the first rule that covers a size wins", in
/// the order of the rules; "auto" is one of them where some size is covered by no rule. `rules` are
/// all for one part.
[[nodiscard]] std::vector<std::string> ReachableAlgorithms(const std::vector<SizeRule>& rules);

}  // namespace ronde
