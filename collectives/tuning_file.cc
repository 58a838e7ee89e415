#include "collectives/tuning_file.h"

#include <unistd.h>

#include <array>
#include <ctime>
#include <utility>

#include <nlohmann/json.hpp>

#include "core/base/json_fields.h"
#include "core/base/log.h"
#include "core/base/strcat.h"
#include "core/base/text_file.h"

namespace ronde {
namespace {

using Buffers = TunedRule::Buffers;
using Json = nlohmann::ordered_json;

constexpr int kFormat = 1;
constexpr int kManyRanks = 1 << 24;
constexpr double kSlowestUs = 1e9;

constexpr std::array<std::pair<const char*, LinkCost CostModel::*>, 4> kLinks = {{
    {"shared_memory", &CostModel::shared_memory},
    {"registered", &CostModel::registered},
    {"local", &CostModel::local},
    {"network", &CostModel::network},
}};
constexpr std::array<std::pair<const char*, std::int64_t CostModel::*>, 2> kThresholds = {{
    {"one_shot_bytes", &CostModel::one_shot_bytes},
    {"streaming_bytes", &CostModel::streaming_bytes},
}};
constexpr std::array<std::pair<const char*, LinkCost DeviceCosts::*>, 3> kDeviceLinks = {{
    {"peer", &DeviceCosts::peer},
    {"nccl", &DeviceCosts::nccl},
    {"host_copy", &DeviceCosts::host_copy},
}};
constexpr std::array<std::pair<const char*, Buffers>, 3> kBuffers = {{
    {"any", Buffers::kAny},
    {"private", Buffers::kPrivate},
    {"registered", Buffers::kRegistered},
}};

Json ToJson(const LinkCost& link) {
  return {{"alpha_us", link.alpha_us}, {"beta_us", link.beta_us}, {"gamma_us", link.gamma_us}};
}

Json ToJson(const CostModel& costs) {
  Json json;
  for (const auto& [name, member] : kLinks) json["links"][name] = ToJson(costs.*member);
  for (const auto& [name, member] : kThresholds) json["thresholds"][name] = costs.*member;
  return json;
}

Json ToJson(const TunedRule& rule) {
  Json json = {{"algorithm", rule.algorithm}};
  if (rule.min_bytes > 0) json["min_bytes"] = rule.min_bytes;
  if (rule.max_bytes < INT64_MAX) json["max_bytes"] = rule.max_bytes;
  for (const auto& [name, buffers] : kBuffers) {
    if (rule.buffers == buffers) json["buffers"] = name;
  }
  return json;
}

Json ToJson(const std::vector<TunedRule>& rules) {
  Json json = Json::array();
  for (const TunedRule& rule : rules) json.push_back(ToJson(rule));
  return json;
}

Json ToJson(const DeviceTuning& tuning) {
  Json json = {{"name", tuning.device}};
  for (const auto& [name, member] : kDeviceLinks)
    json["links"][name] = ToJson(tuning.costs.*member);
  json["thresholds"]["one_shot_bytes"] = tuning.costs.one_shot_bytes;
  json["allreduce"] = ToJson(tuning.allreduce);
  return json;
}

LinkCost LinkFrom(JsonFields& links, std::string_view name) {
  JsonFields link = links.Object(name);
  const LinkCost cost = {link.Real("alpha_us", 0, kSlowestUs), link.Real("beta_us", 0, kSlowestUs),
                         link.Real("gamma_us", 0, kSlowestUs)};
  link.ExpectNoOthers();
  return cost;
}

// What a file leaves out keeps its default, so that one written by hand can be short.
CostModel CostsFrom(JsonFields& entry) {
  CostModel costs;
  if (entry.Has("links")) {
    JsonFields links = entry.Object("links");
    for (const auto& [name, member] : kLinks) {
      if (links.Has(name)) costs.*member = LinkFrom(links, name);
    }
    links.ExpectNoOthers();
  }
  if (entry.Has("thresholds")) {
    JsonFields thresholds = entry.Object("thresholds");
    for (const auto& [name, member] : kThresholds) {
      if (thresholds.Has(name)) costs.*member = thresholds.Integer(name, 0, INT64_MAX);
    }
    thresholds.ExpectNoOthers();
  }
  return costs;
}

TunedRule RuleFrom(JsonFields& fields) {
  TunedRule rule;
  rule.algorithm = fields.Text("algorithm");
  if (fields.Has("min_bytes")) rule.min_bytes = fields.Integer("min_bytes", 0, INT64_MAX);
  if (fields.Has("max_bytes")) {
    rule.max_bytes = fields.Integer("max_bytes", rule.min_bytes, INT64_MAX);
  }
  if (fields.Has("buffers")) {
    const std::string text = fields.Text("buffers");
    bool known = false;
    for (const auto& [name, buffers] : kBuffers) {
      if (text != name) continue;
      rule.buffers = buffers;
      known = true;
    }
    if (!known) fields.Refuse("buffers", "any, private or registered");
  }
  fields.ExpectNoOthers();
  return rule;
}

std::vector<TunedRule> RulesFrom(JsonFields& entry) {
  std::vector<TunedRule> rules;
  if (!entry.Has("allreduce")) return rules;
  for (JsonFields& rule : entry.Objects("allreduce")) rules.push_back(RuleFrom(rule));
  return rules;
}

// Unlike those of hosts, all costs have to be there: defaults depend on how devices are connected.
std::optional<DeviceTuning> DeviceFrom(JsonFields& entry) {
  if (!entry.Has("device")) return std::nullopt;
  JsonFields fields = entry.Object("device");
  DeviceTuning tuning;
  if (fields.Has("name")) tuning.device = fields.Text("name");
  JsonFields links = fields.Object("links");
  for (const auto& [name, member] : kDeviceLinks) tuning.costs.*member = LinkFrom(links, name);
  links.ExpectNoOthers();
  JsonFields thresholds = fields.Object("thresholds");
  tuning.costs.one_shot_bytes = thresholds.Integer("one_shot_bytes", 0, INT64_MAX);
  thresholds.ExpectNoOthers();
  tuning.allreduce = RulesFrom(fields);
  fields.ExpectNoOthers();
  return tuning;
}

std::int64_t IntegerIn(const SettingSpec& spec, JsonFields& fields, std::string_view name) {
  return fields.Integer(name, static_cast<std::int64_t>(spec.minimum),
                        static_cast<std::int64_t>(spec.maximum));
}

TunedSettings SettingsFrom(JsonFields& entry) {
  TunedSettings settings;
  if (!entry.Has("settings")) return settings;
  JsonFields fields = entry.Object("settings");
  if (fields.Has("fusion_threshold_bytes")) {
    settings.fusion_threshold_bytes =
        IntegerIn(SpecOf(Setting::kFusionThresholdBytes), fields, "fusion_threshold_bytes");
  }
  if (fields.Has("cycle_time_ms")) {
    const SettingSpec& spec = SpecOf(Setting::kCycleTimeMs);
    settings.cycle_time_ms = fields.Real("cycle_time_ms", spec.minimum, spec.maximum);
  }
  if (fields.Has("chunk_bytes")) {
    settings.chunk_bytes = IntegerIn(SpecOf(Setting::kChunkBytes), fields, "chunk_bytes");
  }
  if (fields.Has("hierarchical")) settings.hierarchical = fields.Integer("hierarchical", 0, 1) != 0;
  fields.ExpectNoOthers();
  return settings;
}

Json ToJson(const TunedSettings& settings) {
  Json json = Json::object();
  if (settings.fusion_threshold_bytes) {
    json["fusion_threshold_bytes"] = *settings.fusion_threshold_bytes;
  }
  if (settings.cycle_time_ms) json["cycle_time_ms"] = *settings.cycle_time_ms;
  if (settings.chunk_bytes) json["chunk_bytes"] = *settings.chunk_bytes;
  if (settings.hierarchical) json["hierarchical"] = *settings.hierarchical ? 1 : 0;
  return json;
}

// Values of a file are within the setting's range.
void SetUnlessSaid(Config& config, Setting setting, const std::string& value) {
  const Status status = config.SetProgramDefault(setting, value);
  if (!status.ok()) Log(LogLevel::kWarning, "--tuning-file: ", status.message());
}

Tuning EntryFrom(JsonFields& fields) {
  Tuning entry;
  entry.ranks = static_cast<int>(fields.Integer("ranks", 1, kManyRanks));
  entry.hosts = static_cast<int>(fields.Integer("hosts", 1, kManyRanks));
  if (fields.Has("date")) entry.date = fields.Text("date");
  entry.costs = CostsFrom(fields);
  entry.allreduce = RulesFrom(fields);
  entry.settings = SettingsFrom(fields);
  entry.device = DeviceFrom(fields);
  fields.ExpectNoOthers();
  return entry;
}

}  // namespace

const Tuning* TuningFile::Find(int ranks, int hosts) const {
  for (const Tuning& entry : entries) {
    if (entry.ranks == ranks && entry.hosts == hosts) return &entry;
  }
  return nullptr;
}

void TuningFile::Put(Tuning entry) {
  for (Tuning& old : entries) {
    if (old.ranks != entry.ranks || old.hosts != entry.hosts) continue;
    if (!entry.device) entry.device = std::move(old.device);
    old = std::move(entry);
    return;
  }
  entries.push_back(std::move(entry));
}

Config WithTuning(Config config, const Tuning* tuning) {
  if (tuning == nullptr) return config;
  const TunedSettings& settings = tuning->settings;
  if (settings.fusion_threshold_bytes) {
    SetUnlessSaid(config, Setting::kFusionThresholdBytes, StrCat(*settings.fusion_threshold_bytes));
  }
  if (settings.cycle_time_ms) {
    SetUnlessSaid(config, Setting::kCycleTimeMs, StrCat(*settings.cycle_time_ms));
  }
  if (settings.chunk_bytes) {
    SetUnlessSaid(config, Setting::kChunkBytes, StrCat(*settings.chunk_bytes));
  }
  // Only hierarchical collectives compress.
  const bool compresses = config.GetText(Setting::kWireCompression) != "none";
  if (settings.hierarchical && !*settings.hierarchical && !compresses) {
    SetUnlessSaid(config, Setting::kHierarchy, "flat");
  }
  return config;
}

std::string TuningToJson(const TuningFile& file) {
  Json json = {{"format", kFormat}, {"machine", file.machine}};
  json["entries"] = Json::array();
  for (const Tuning& entry : file.entries) {
    Json item = {{"ranks", entry.ranks}, {"hosts", entry.hosts}, {"date", entry.date}};
    item.update(ToJson(entry.costs));
    item["allreduce"] = ToJson(entry.allreduce);
    if (entry.settings != TunedSettings()) item["settings"] = ToJson(entry.settings);
    if (entry.device) item["device"] = ToJson(*entry.device);
    json["entries"].push_back(std::move(item));
  }
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<TuningFile> TuningFromJson(std::string_view text, const std::string& what) {
  JsonFields fields = JsonFields::Parse(text, what);
  // First: a later format may look different in every other respect.
  const std::int64_t format = fields.Integer("format", 0, INT64_MAX);
  if (fields.status().ok() && format != kFormat) {
    return Status::InvalidArgument(StrCat(what, ": is of format ", format,
                                          ", but this build reads ", "format ", kFormat,
                                          "; write it anew with `ronde-bench --calibrate`"));
  }
  TuningFile file;
  file.machine = fields.Text("machine");
  for (JsonFields& entry : fields.Objects("entries")) {
    Tuning tuning = EntryFrom(entry);
    if (file.Find(tuning.ranks, tuning.hosts) != nullptr) {
      entry.Refuse("ranks", "one entry for each number of ranks and hosts");
    }
    file.entries.push_back(std::move(tuning));
  }
  fields.ExpectNoOthers();
  if (!fields.status().ok()) return fields.status();
  return file;
}

Result<TuningFile> ReadTuningFile(const std::string& path) {
  RONDE_ASSIGN_OR_RETURN(const std::string text, ReadTextFile(path));
  return TuningFromJson(text, StrCat("tuning file '", path, "'"));
}

Result<TuningFile> TuningFileToExtend(const std::string& path, const std::string& machine,
                                      std::string_view flag) {
  TuningFile fresh;
  fresh.machine = machine;
  if (access(path.c_str(), F_OK) != 0) return fresh;
  Result<TuningFile> old = ReadTuningFile(path);
  if (!old.ok()) {
    return Status::InvalidArgument(StrCat(flag, " will not overwrite what it cannot read: ",
                                          old.status().message(), "; choose another name"));
  }
  return old.value().machine == machine ? std::move(old).value() : fresh;
}

std::string TuningDate() {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%d", &local);
  return text.data();
}

Status WriteTuningFile(const TuningFile& file, const std::string& path) {
  return ReplaceTextFile(path, TuningToJson(file));
}

}  // namespace ronde
