#include "frontends/resnet/checkpoint/manifest.h"

#include <cstdio>
#include <limits>
#include <utility>

#include <nlohmann/json.hpp>
#include <zlib.h>

#include "core/base/program.h"
#include "core/base/strcat.h"
#include "frontends/resnet/checkpoint/record_json.h"
#include "frontends/resnet/log_json.h"

namespace ronde {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kFormat[] = "ronde-checkpoint";
constexpr int kVersion = 1;
constexpr int kMaxWorkers = 1 << 20;
constexpr std::string_view kSignature = ",\n\"crc32\": \"00000000\"\n}\n";
constexpr std::size_t kSignatureDigits = 12;  // where they begin in it

std::string Hex(std::uint32_t number) {
  char digits[9];
  std::snprintf(digits, sizeof(digits), "%08x", number);
  return digits;
}

std::string SignatureOf(std::string_view body) {
  const uLong crc =
      crc32_z(0, reinterpret_cast<const Bytef*>(body.data()), static_cast<z_size_t>(body.size()));
  std::string signature(kSignature);
  return signature.replace(kSignatureDigits, 8, Hex(static_cast<std::uint32_t>(crc)));
}

std::uint32_t FromHex(const std::string& text) {
  std::uint32_t number = 0;
  char rest = 0;
  if (text.size() != 8 || std::sscanf(text.c_str(), "%8x%c", &number, &rest) != 1 ||
      Hex(number) != text) {
    throw Json::other_error::create(501, "a checksum is not eight hexadecimal digits", nullptr);
  }
  return number;
}

Json SumsToJson(const MetricSums& sums) {
  return {{"loss", sums.loss}, {"correct", sums.correct}, {"images", sums.images}};
}

// What is not finite is written as null.
double RealFromJson(const Json& json) {
  return json.is_null() ? std::numeric_limits<double>::quiet_NaN() : json.get<double>();
}

MetricSums SumsFromJson(const Json& json) {
  return {json.at("loss").get<double>(), json.at("correct").get<double>(),
          json.at("images").get<double>()};
}

Json RunningToJson(const std::optional<RunningEpoch>& running) {
  if (!running) return nullptr;
  Json workers = Json::array();
  for (const MetricSums& sums : running->workers) workers.push_back(SumsToJson(sums));
  return {{"record", Json::parse(EpochJson(running->record))},
          {"workers", std::move(workers)},
          {"divergence_sums", running->divergence_sums}};
}

std::optional<RunningEpoch> RunningFromJson(const Json& json) {
  if (json.is_null()) return std::nullopt;
  RunningEpoch running;
  running.record = EpochRecordFromJson(json.at("record"));
  for (const Json& worker : json.at("workers").get_ref<const Json::array_t&>()) {
    running.workers.push_back(SumsFromJson(worker));
  }
  for (const Json& sum : json.at("divergence_sums").get_ref<const Json::array_t&>()) {
    running.divergence_sums.push_back(RealFromJson(sum));
  }
  return running;
}

Json FilesToJson(const std::vector<CheckpointFile>& files) {
  Json list = Json::array();
  for (const CheckpointFile& file : files) {
    list.push_back(
        {{"name", file.name}, {"size_bytes", file.size_bytes}, {"crc32", Hex(file.crc32)}});
  }
  return list;
}

// Throws Json::exception for what is not there or of another type.
Manifest FromJson(const Json& json) {
  Manifest manifest;
  manifest.ronde_version = json.at("ronde_version").get<std::string>();
  manifest.step = IntegerFromJson<std::int64_t>(json.at("step"));
  manifest.epochs_completed = IntegerFromJson<int>(json.at("epochs_completed"));
  manifest.step_in_epoch = IntegerFromJson<std::int64_t>(json.at("step_in_epoch"));
  manifest.workers = IntegerFromJson<int>(json.at("workers"));
  manifest.ranks = IntegerFromJson<int>(json.at("ranks"));
  manifest.previous_learning_rates = json.at("previous_learning_rates").get<std::vector<double>>();
  for (const auto& [flag, value] : json.at("options").get_ref<const Json::object_t&>()) {
    manifest.trajectory.emplace_back(flag, value.get<std::string>());
  }
  for (const Json& file : json.at("files").get_ref<const Json::array_t&>()) {
    manifest.files.push_back({file.at("name").get<std::string>(),
                              IntegerFromJson<std::uint64_t>(file.at("size_bytes")),
                              FromHex(file.at("crc32").get<std::string>())});
  }
  for (const Json& record : json.at("records").get_ref<const Json::array_t&>()) {
    manifest.records.push_back(EpochRecordFromJson(record));
  }
  manifest.running = RunningFromJson(json.at("running_epoch"));
  return manifest;
}

bool ListsItsFiles(const Manifest& manifest) {
  const auto workers = static_cast<std::size_t>(manifest.workers);
  const std::size_t listed = manifest.files.size();
  if (listed != workers && listed != workers + 1) return false;
  for (std::size_t i = 0; i < workers; ++i) {
    if (manifest.files[i].name != WorkerFileName(static_cast<int>(i))) return false;
  }
  return listed == workers || manifest.files.back().name == kSharedFileName;
}

Status CheckConsistent(const Manifest& manifest) {
  const bool counts = manifest.step >= 0 && manifest.epochs_completed >= 0 &&
                      manifest.step_in_epoch >= 0 && manifest.step_in_epoch <= manifest.step &&
                      manifest.workers >= 1 && manifest.workers <= kMaxWorkers &&
                      manifest.ranks >= 1 && manifest.ranks <= manifest.workers;
  if (!counts) return Status::InvalidArgument("a count is out of range");
  if (!ListsItsFiles(manifest)) {
    return Status::InvalidArgument("the list of files does not match the number of workers");
  }
  if (manifest.records.size() != static_cast<std::size_t>(manifest.epochs_completed)) {
    return Status::InvalidArgument("there is not one record per completed epoch");
  }
  if (manifest.running.has_value() != (manifest.step_in_epoch > 0) ||
      (manifest.running &&
       manifest.running->workers.size() != static_cast<std::size_t>(manifest.workers))) {
    return Status::InvalidArgument("the running epoch's figures do not match its position");
  }
  return Status::Ok();
}

Result<Manifest> ParseSigned(std::string_view text) {
  const Json json = Json::parse(text);
  if (json.at("format").get<std::string>() != kFormat) {
    return Status::InvalidArgument(StrCat("expected the format ", kFormat));
  }
  const int version = IntegerFromJson<int>(json.at("version"));
  if (version != kVersion) {
    return Status::InvalidArgument(StrCat("format version ", version, " is unknown; ronde-train ",
                                          VersionString(), " reads version ", kVersion));
  }
  Manifest manifest = FromJson(json);
  RONDE_RETURN_IF_ERROR(CheckConsistent(manifest));
  return manifest;
}

}  // namespace

std::string WorkerFileName(int worker) {
  char name[40];
  std::snprintf(name, sizeof(name), "worker-%04d.safetensors", worker);
  return name;
}

std::string SignManifest(std::string_view body) { return std::string(body) + SignatureOf(body); }

std::string FormatManifest(const Manifest& manifest) {
  Json json;
  json["format"] = kFormat;
  json["version"] = kVersion;
  json["ronde_version"] = manifest.ronde_version;
  json["step"] = manifest.step;
  json["epochs_completed"] = manifest.epochs_completed;
  json["step_in_epoch"] = manifest.step_in_epoch;
  json["workers"] = manifest.workers;
  json["ranks"] = manifest.ranks;
  json["previous_learning_rates"] = manifest.previous_learning_rates;
  json["options"] = Json::object();
  for (const auto& [flag, value] : manifest.trajectory) json["options"][flag] = value;
  json["files"] = FilesToJson(manifest.files);
  json["records"] = Json::array();
  for (const EpochRecord& record : manifest.records) {
    json["records"].push_back(Json::parse(EpochJson(record)));
  }
  json["running_epoch"] = RunningToJson(manifest.running);
  std::string body = json.dump(1, ' ', false, Json::error_handler_t::replace);
  body.resize(body.rfind("\n}"));
  return SignManifest(body);
}

Result<Manifest> ParseManifest(std::string_view text) {
  if (text.size() < kSignature.size()) {
    return Status::InvalidArgument(StrCat("it is truncated to ", text.size(), " bytes"));
  }
  const std::string_view body = text.substr(0, text.size() - kSignature.size());
  if (text.substr(body.size()) != SignatureOf(body)) {
    return Status::InvalidArgument(
        "it is truncated or damaged: its checksum is not that of its text");
  }
  try {
    return ParseSigned(text);
  } catch (const Json::exception& error) {
    const std::string what = error.what();
    return Status::InvalidArgument(
        StrCat("it is not a manifest: ", what.substr(0, what.find('\n'))));
  }
}

}  // namespace ronde
