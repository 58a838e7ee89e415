#include "core/base/start_record.h"

#include <unistd.h>

#include <sstream>

#include "core/base/config_environment.h"
#include "core/base/strcat.h"

namespace ronde {

std::string FormatStartRecord(const StartRecord& record) {
  return StrCat(kStartRecordMark, static_cast<int>(record.kind), ' ', record.rank, ' ', record.host,
                '\n');
}

std::optional<StartRecord> ParseStartRecord(std::string_view line) {
  if (!line.starts_with(kStartRecordMark)) return std::nullopt;
  std::istringstream fields{std::string(line.substr(kStartRecordMark.size()))};
  int kind = 0;
  StartRecord record;
  fields >> kind >> record.rank;
  if (!fields || kind < 0 || kind > static_cast<int>(StartRecord::Kind::kReady)) {
    return std::nullopt;
  }
  record.kind = static_cast<StartRecord::Kind>(kind);
  fields >> record.host;
  return record;
}

void TellStart(StartRecord::Kind kind) {
  if (EnvironmentValue("RONDE_LAUNCHED") != kAwaitsStart) return;
  const std::string record = FormatStartRecord({kind, ReadLaunchEnvironment().rank, ""});
  // One write: a record is never torn by another writer. There is nobody to tell of a failure.
  if (write(STDERR_FILENO, record.data(), record.size()) < 0) return;
}

}  // namespace ronde
