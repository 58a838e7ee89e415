#include "collectives/autotune_output.h"

#include <array>
#include <cerrno>
#include <cinttypes>
#include <cstring>
#include <utility>

#include "core/base/log.h"
#include "core/base/strcat.h"
#include "core/comm/topology_file.h"

namespace ronde {
namespace {

// By AutotunePoint::Kind.
constexpr std::array<const char*, 5> kKinds = {"default", "sample", "bayes", "ab_default",
                                               "ab_best"};
constexpr const char* kColumns =
    "point,kind,fusion_threshold_bytes,cycle_time_ms,chunk_bytes,one_shot_bytes,hierarchical,"
    "score_mb_per_s,elapsed_s\n";

std::string Describe(const Tunables& tunables) {
  return StrCat("--fusion-threshold-bytes ", tunables.fusion_threshold_bytes, " --cycle-time-ms ",
                tunables.cycle_time_ms, " --chunk-bytes ", tunables.chunk_bytes,
                ", one shot up to ", tunables.one_shot_bytes, " bytes",
                tunables.hierarchical ? "" : ", not hierarchical");
}

Result<TuningFile> FileToExtend(const Config& config, const std::string& machine) {
  const std::string& path = config.GetText(Setting::kAutotuneFile);
  if (path.empty()) return TuningFile();
  return TuningFileToExtend(path, machine, SpecOf(Setting::kAutotuneFile).flag);
}

}  // namespace

Result<AutotuneOutput::LogFile> AutotuneOutput::OpenLog(const Config& config) {
  const std::string& path = config.GetText(Setting::kAutotuneLog);
  if (path.empty()) return LogFile();
  LogFile log(std::fopen(path.c_str(), "w"));
  if (log != nullptr) return log;
  return Status::InvalidArgument(StrCat(SpecOf(Setting::kAutotuneLog).flag, ": cannot write '",
                                        path, "': ", std::strerror(errno)));
}

Status AutotuneOutput::Check(const Config& config, const std::string& machine) {
  for (const Setting setting : {Setting::kAutotuneFile, Setting::kAutotuneLog}) {
    if (config.GetText(setting).empty() || config.GetSwitch(Setting::kAutotune)) continue;
    return Status::InvalidArgument(StrCat(SpecOf(setting).flag, " '", config.GetText(setting),
                                          "' has no meaning without --autotune on"));
  }
  if (!config.GetSwitch(Setting::kAutotune)) return Status::Ok();
  RONDE_RETURN_IF_ERROR(OpenLog(config).status());
  RONDE_ASSIGN_OR_RETURN(const TuningFile file, FileToExtend(config, machine));
  const std::string& path = config.GetText(Setting::kAutotuneFile);
  if (path.empty()) return Status::Ok();
  // Now rather than after the search.
  const Status written = WriteTuningFile(file, path);
  if (written.ok()) return written;
  return Status::InvalidArgument(
      StrCat(SpecOf(Setting::kAutotuneFile).flag, ": ", written.message()));
}

Result<std::unique_ptr<AutotuneOutput>> AutotuneOutput::Create(const Config& config,
                                                               CollectiveContext& context) {
  RONDE_ASSIGN_OR_RETURN(const Topology topology, TopologyFor(config));
  RONDE_ASSIGN_OR_RETURN(LogFile log, OpenLog(config));
  RONDE_ASSIGN_OR_RETURN(TuningFile file, FileToExtend(config, MachineKey(topology)));
  if (log != nullptr) {
    std::fputs(kColumns, log.get());
    std::fflush(log.get());
  }
  return std::unique_ptr<AutotuneOutput>(new AutotuneOutput(
      context, std::move(log), config.GetText(Setting::kAutotuneFile), std::move(file)));
}

void AutotuneOutput::OnPoint(const AutotunePoint& point) {
  if (log_ == nullptr) return;
  const Tunables& tunables = point.tunables;
  std::fprintf(log_.get(), "%d,%s,%" PRId64 ",%g,%" PRId64 ",%" PRId64 ",%d,%.1f,%.3f\n",
               point.number, kKinds[static_cast<std::size_t>(point.kind)],
               tunables.fusion_threshold_bytes, tunables.cycle_time_ms, tunables.chunk_bytes,
               tunables.one_shot_bytes, tunables.hierarchical ? 1 : 0, point.score_mb_per_s,
               point.elapsed_s);
  std::fflush(log_.get());
}

void AutotuneOutput::OnFinished(const AutotuneOutcome& outcome) {
  const double gain = outcome.default_mb_per_s > 0
                          ? 100 * (outcome.best_mb_per_s / outcome.default_mb_per_s - 1)
                          : 0;
  if (outcome.best == outcome.tunables && !outcome.improved) {
    Log(LogLevel::kInfo, "autotuning: of ", outcome.points,
        " points none looks better than the settings that the job began with");
  } else {
    Log(LogLevel::kInfo, "autotuning: of ", outcome.points, " points the best is ",
        Describe(outcome.best), ": ", outcome.best_mb_per_s, " MB/s where the defaults give ",
        outcome.default_mb_per_s, " (", gain, "%; ", 100 * outcome.needed_gain,
        "% is needed): ", outcome.improved ? "kept" : "the defaults stay");
  }
  Save(outcome.tunables);
}

void AutotuneOutput::Save(const Tunables& tunables) {
  if (tuning_path_.empty()) return;
  // All that the job has run with.
  Tuning entry;
  entry.ranks = context_.size();
  entry.hosts = context_.communicator().host_count();
  entry.date = TuningDate();
  entry.costs = context_.costs();
  entry.costs.one_shot_bytes = tunables.one_shot_bytes;
  if (context_.tuning() != nullptr) entry.allreduce = context_.tuning()->allreduce;
  entry.settings.fusion_threshold_bytes = tunables.fusion_threshold_bytes;
  entry.settings.cycle_time_ms = tunables.cycle_time_ms;
  entry.settings.chunk_bytes = tunables.chunk_bytes;
  if (entry.hosts > 1) entry.settings.hierarchical = tunables.hierarchical;
  file_.Put(std::move(entry));
  const Status written = WriteTuningFile(file_, tuning_path_);
  if (!written.ok()) {
    Log(LogLevel::kWarning, SpecOf(Setting::kAutotuneFile).flag, ": ", written.message());
    return;
  }
  Log(LogLevel::kInfo, "autotuning: wrote ", tuning_path_, "; use it with --tuning-file ",
      tuning_path_);
}

}  // namespace ronde
