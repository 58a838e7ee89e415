#pragma once

#include <cstdio>
#include <memory>
#include <string>
#include <utility>

#include "collectives/collective_context.h"
#include "collectives/tuning_file.h"
#include "core/autotuning/autotune_sink.h"
#include "core/base/config.h"
#include "core/base/status.h"

namespace ronde {

/// Where what the autotuner finds goes: each point to --autotune-log as a line of CSV, which is
/// there as soon as it is written; the outcome to the log (level info), and what the job keeps to
/// --autotune-file, in an entry for its ranks and hosts. On rank 0. Thread rule: engine-only.
class AutotuneOutput final : public AutotuneSink {
 public:
  /// That the settings make sense together and both files can be written: which leaves an empty log
  /// and a tuning file with the entries that it had. Error: kInvalidArgument naming the setting.
  [[nodiscard]] static Status Check(const Config& config, const std::string& machine);

  /// `context` must outlive the output. Errors: as Check.
  [[nodiscard]] static Result<std::unique_ptr<AutotuneOutput>> Create(const Config& config,
                                                                      CollectiveContext& context);

  void OnPoint(const AutotunePoint& point) override;
  void OnFinished(const AutotuneOutcome& outcome) override;

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  using LogFile = std::unique_ptr<std::FILE, Close>;

  AutotuneOutput(CollectiveContext& context, LogFile log, std::string tuning_path, TuningFile file)
      : context_(context),
        log_(std::move(log)),
        tuning_path_(std::move(tuning_path)),
        file_(std::move(file)) {}

  static Result<LogFile> OpenLog(const Config& config);
  void Save(const Tunables& tunables);

  CollectiveContext& context_;
  LogFile log_;              // null: none is wanted
  std::string tuning_path_;  // empty: nowhere
  TuningFile file_;
};

}  // namespace ronde
