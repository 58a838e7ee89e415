#include "frontends/resnet/log_json.h"

#include <cerrno>
#include <cstring>
#include <sstream>
#include <utility>

#include <nlohmann/json.hpp>

#include "core/base/program.h"
#include "core/base/strcat.h"

namespace ronde {
namespace {

using Json = nlohmann::ordered_json;

Json OrNull(const std::optional<double>& value) { return value ? Json(*value) : Json(nullptr); }

Json PerClassJson(const EpochRecord& record) {
  if (!record.validation_loss) return nullptr;
  Json accuracies = Json::array();
  for (const std::optional<double>& accuracy : record.validation_per_class) {
    accuracies.push_back(OrNull(accuracy));
  }
  return accuracies;
}

Json SettingsJson(const Config& config) {
  Json settings = Json::object();
  for (const SettingSpec& spec : Settings()) {
    settings[std::string(spec.flag.substr(2))] = config.GetText(spec.id);
  }
  return settings;
}

}  // namespace

std::string ComputeText(const TrainOptions& options) {
  if (!options.has_stand_in()) return "real";
  std::ostringstream text;
  text << "stand-in " << options.compute_time_ms << " ms";
  return text.str();
}

std::string ConfigJson(const TrainOptions& options, const RunFacts& facts) {
  Json json;
  json["event"] = "config";
  json["version"] = VersionString();
  json["algorithm"] = options.algorithm;
  json["workers"] = options.workers;
  json["ranks"] = facts.ranks;
  json["workers_per_rank"] = options.workers / facts.ranks;
  json["deterministic"] = options.deterministic;
  json["local_steps"] = options.local_steps;
  json["switch_epoch"] = options.switch_epoch;
  json["momentum_at_average"] = options.momentum_at_average;
  json["bn_at_evaluation"] = options.bn_at_evaluation;
  json["slow_momentum"] = options.slow_momentum;
  json["slow_lr"] = options.slow_lr;
  json["local_learning_rate_scale"] = options.local_learning_rate_scale;
  json["local_batch_size"] = options.local_batch_size;
  json["model"] = options.model;
  json["width"] = options.width;
  json["parameters"] = facts.parameters;
  json["dataset"] = options.dataset;
  json["data_dir"] = options.data_dir;
  json["image_size"] = options.dataset == "imagefolder" ? Json(options.image_size) : Json(nullptr);
  json["training_images"] = facts.training_images;
  json["validation_images"] = facts.validation_images;
  json["epochs"] = options.epochs;
  json["batch_size"] = options.batch_size;
  json["accumulation_steps"] = options.accumulation_steps;
  json["schedule"] = options.schedule;
  json["milestones"] = options.milestones;
  json["warmup_epochs"] = options.warmup_epochs;
  json["reference_lr"] = options.reference_lr;
  json["momentum"] = options.momentum;
  json["momentum_form"] = options.momentum_form;
  json["weight_decay"] = options.weight_decay;
  json["weight_decay_bn"] = options.weight_decay_bn ? "on" : "off";
  json["grad_clip_norm"] = options.grad_clip_norm;
  json["seed"] = options.seed;
  json["threads"] = facts.threads;
  json["device"] = options.device;
  json["device_name"] = facts.device_name;
  json["tf32"] = options.tf32 ? "on" : "off";
  json["precision"] = options.precision;
  json["compute"] = ComputeText(options);
  json["evaluate_every"] = options.evaluate_every;
  json["settings"] = SettingsJson(options.config);
  return json.dump();
}

std::string EpochJson(const EpochRecord& record) {
  Json json;
  json["event"] = "epoch";
  json["epoch"] = record.epoch;
  json["algorithm"] = record.algorithm;
  json["phase"] = record.phase;
  json["workers"] = record.workers;
  json["precision"] = record.precision;
  json["local_steps"] = record.local_steps;
  json["learning_rate"] = record.learning_rate;
  json["steps"] = record.steps;
  json["train_loss"] = OrNull(record.train_loss);
  json["train_top1"] = OrNull(record.train_top1);
  json["validation_loss"] = OrNull(record.validation_loss);
  json["validation_top1"] = OrNull(record.validation_top1);
  json["validation_top5"] = OrNull(record.validation_top5);
  json["validation_per_class"] = PerClassJson(record);
  json["images_per_second"] = record.images_per_second;
  json["seconds"] = record.seconds;
  json["seconds_data"] = record.parts.data;
  json["seconds_forward"] = record.parts.forward;
  json["seconds_backward"] = record.parts.backward;
  json["seconds_optimizer"] = record.parts.optimizer;
  json["seconds_communication"] = record.parts.communication;
  json["seconds_communication_total"] = record.seconds_communication_total;
  json["seconds_evaluation"] = record.seconds_evaluation;
  json["bytes_communicated"] = record.bytes_communicated;
  json["bytes_on_wire"] = record.bytes_on_wire;
  json["bytes_evaluation"] = record.bytes_evaluation;
  json["synchronizations"] = record.synchronizations;
  json["worker_divergence"] = OrNull(record.worker_divergence);
  return json.dump();
}

Result<JsonLinesFile> JsonLinesFile::Open(const std::string& path) {
  JsonLinesFile file;
  file.path_ = path;
  file.file_.open(path, std::ios::app);
  if (!file.file_) {
    return Status::InvalidArgument(StrCat(path, ": cannot be written: ", std::strerror(errno)));
  }
  return file;
}

Status JsonLinesFile::Write(std::string_view line) {
  if (std::exchange(is_new_, false)) {
    file_.close();
    file_.open(path_, std::ios::trunc);
  }
  file_ << line << '\n' << std::flush;
  if (file_) return Status::Ok();
  return Status::Unavailable(StrCat(path_, ": cannot be written: ", std::strerror(errno)));
}

}  // namespace ronde
