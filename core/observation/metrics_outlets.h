#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/base/config.h"
#include "core/base/status.h"
#include "core/observation/metrics_file.h"
#include "core/observation/metrics_server.h"

namespace ronde {

/// Where a rank's metrics go by themselves: --metrics-file and --metrics-port. Nothing, and no
/// thread, where neither is set.
/// Thread rule: Open and destruction by one thread; Write from any.
class MetricsOutlets {
 public:
  /// Whether there are any: the same on all ranks.
  [[nodiscard]] static bool Wanted(const Config& config);

  /// Opens what `config` asks for. `text` gives the metrics, from any thread, and must outlive
  /// this. Error: kInvalidArgument naming the setting and the path or port.
  Status Open(const Config& config, int rank, int local_rank,
              const std::function<std::string()>& text);
  /// The file, now.
  void Write();

 private:
  std::unique_ptr<MetricsFile> file_;
  std::unique_ptr<MetricsServer> server_;
};

}  // namespace ronde
