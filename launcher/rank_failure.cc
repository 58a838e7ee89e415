#include "launcher/rank_failure.h"

#include <sstream>

#include "core/base/strcat.h"

namespace ronde {

std::string FormatFailureRecord(const RankFailure& failure) {
  return StrCat(kFailureRecordMark, static_cast<int>(failure.kind), ' ', failure.rank, ' ',
                failure.code, ' ', failure.time_ns, ' ', failure.host, '\n');
}

std::optional<RankFailure> ParseFailureRecord(std::string_view line) {
  if (line.substr(0, kFailureRecordMark.size()) != kFailureRecordMark) return std::nullopt;
  std::istringstream fields{std::string(line.substr(kFailureRecordMark.size()))};
  int kind = 0;
  RankFailure failure;
  fields >> kind >> failure.rank >> failure.code >> failure.time_ns >> failure.host;
  if (!fields || kind < 0 || kind > static_cast<int>(RankFailure::Kind::kOutput)) {
    return std::nullopt;
  }
  failure.kind = static_cast<RankFailure::Kind>(kind);
  return failure;
}

}  // namespace ronde
