#include "core/observation/metrics_outlets.h"

#include "core/base/path_of_rank.h"

namespace ronde {

bool MetricsOutlets::Wanted(const Config& config) {
  return !config.GetText(Setting::kMetricsFile).empty() ||
         config.GetInteger(Setting::kMetricsPort) != 0;
}

Status MetricsOutlets::Open(const Config& config, int rank, int local_rank,
                            const std::function<std::string()>& text) {
  if (const std::string& path = config.GetText(Setting::kMetricsFile); !path.empty()) {
    RONDE_ASSIGN_OR_RETURN(file_,
                           MetricsFile::Start(PathOfRank(path, rank),
                                              config.GetReal(Setting::kMetricsIntervalS), text));
  }
  if (const std::int64_t port = config.GetInteger(Setting::kMetricsPort); port != 0) {
    RONDE_ASSIGN_OR_RETURN(server_,
                           MetricsServer::Start(static_cast<int>(port) + local_rank, text));
  }
  return Status::Ok();
}

void MetricsOutlets::Write() {
  if (file_ != nullptr) file_->Write();
}

}  // namespace ronde
