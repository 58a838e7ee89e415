#include "collectives/size_rules.h"

#include <algorithm>

#include "core/base/config.h"
#include "core/base/strcat.h"

namespace ronde {
namespace {

Status Malformed(std::string_view rule, std::string_view why) {
  return Status::InvalidArgument(
      StrCat("rule '", rule, "': ", why,
             "; expected NAME or NAME:min-max with sizes such as 4096, 64K or 1M, of which one may "
             "be missing, as in ring:1M-, and before NAME nothing, local= or net="));
}

Result<SizeRule> ParseRule(std::string_view text) {
  SizeRule rule;
  rule.text = text;
  if (const std::size_t sign = text.find('='); sign != std::string_view::npos) {
    const std::string_view part = text.substr(0, sign);
    if (part != "local" && part != "net") {
      return Malformed(text, StrCat("'", part, "' is no part of an allreduce"));
    }
    rule.part = part == "local" ? RulePart::kLocal : RulePart::kNet;
    text.remove_prefix(sign + 1);
  }
  const std::size_t colon = text.find(':');
  rule.algorithm = text.substr(0, colon);
  if (rule.algorithm.empty()) return Malformed(rule.text, "it names no algorithm");
  if (colon == std::string_view::npos) return rule;
  const std::string_view range = text.substr(colon + 1);
  const std::size_t dash = range.find('-');
  if (dash == std::string_view::npos) return Malformed(rule.text, "its range has no '-'");
  if (range == "-") return Malformed(rule.text, "its range has no end");
  const std::string_view ends[] = {range.substr(0, dash), range.substr(dash + 1)};
  std::int64_t* const sizes[] = {&rule.min_bytes, &rule.max_bytes};
  for (int i = 0; i < 2; ++i) {
    if (ends[i].empty()) continue;
    const Result<std::int64_t> size = ParseBytes(ends[i]);
    if (!size.ok()) return Malformed(rule.text, StrCat("'", ends[i], "' is not a size"));
    *sizes[i] = size.value();
  }
  if (rule.min_bytes > rule.max_bytes)
    return Malformed(rule.text, "its range ends before it begins");
  return rule;
}

// Where the rules' answer may change: the starts of ranges, and what follows their ends.
std::vector<std::int64_t> TurningPoints(const std::vector<SizeRule>& rules) {
  std::vector<std::int64_t> points = {0};
  for (const SizeRule& rule : rules) {
    points.push_back(rule.min_bytes);
    if (rule.max_bytes < INT64_MAX) points.push_back(rule.max_bytes + 1);
  }
  return points;
}

}  // namespace

Result<std::vector<SizeRule>> ParseSizeRules(std::string_view text) {
  std::vector<SizeRule> rules;
  while (true) {
    const std::size_t comma = text.find(',');
    RONDE_ASSIGN_OR_RETURN(SizeRule rule, ParseRule(text.substr(0, comma)));
    rules.push_back(std::move(rule));
    if (comma == std::string_view::npos) return rules;
    text.remove_prefix(comma + 1);
  }
}

const SizeRule* FindRule(const std::vector<SizeRule>& rules, RulePart part,
                         std::int64_t size_bytes) {
  const auto rule = std::find_if(rules.begin(), rules.end(), [&](const SizeRule& each) {
    return each.part == part && each.Covers(size_bytes);
  });
  return rule == rules.end() ? nullptr : &*rule;
}

std::vector<std::string> ReachableAlgorithms(const std::vector<SizeRule>& rules) {
  std::vector<std::string> reachable;
  const std::string otherwise = "auto";
  for (const std::int64_t size_bytes : TurningPoints(rules)) {
    const auto rule = std::find_if(rules.begin(), rules.end(), [size_bytes](const SizeRule& each) {
      return each.Covers(size_bytes);
    });
    const std::string& name = rule == rules.end() ? otherwise : rule->algorithm;
    if (std::find(reachable.begin(), reachable.end(), name) == reachable.end()) {
      reachable.push_back(name);
    }
  }
  return reachable;
}

}  // namespace ronde
