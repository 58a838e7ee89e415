#include "frontends/resnet/checkpoint/record_json.h"

#include <limits>
#include <optional>
#include <string>

namespace ronde {
namespace {

using Json = nlohmann::ordered_json;

std::optional<double> OptionalReal(const Json& json) {
  if (json.is_null()) return std::nullopt;
  return json.get<double>();
}

// A figure that is not finite is written as null.
double Real(const Json& json) {
  return OptionalReal(json).value_or(std::numeric_limits<double>::quiet_NaN());
}

StepSeconds PartsFromJson(const Json& json) {
  return {Real(json.at("seconds_data")), Real(json.at("seconds_forward")),
          Real(json.at("seconds_backward")), Real(json.at("seconds_optimizer")),
          Real(json.at("seconds_communication"))};
}

std::vector<std::optional<double>> PerClassFromJson(const Json& json) {
  std::vector<std::optional<double>> accuracies;
  if (json.is_null()) return accuracies;
  for (const Json& accuracy : json.get_ref<const Json::array_t&>()) {
    accuracies.push_back(OptionalReal(accuracy));
  }
  return accuracies;
}

}  // namespace

EpochRecord EpochRecordFromJson(const Json& json) {
  EpochRecord record;
  record.epoch = IntegerFromJson<int>(json.at("epoch"));
  record.algorithm = json.at("algorithm").get<std::string>();
  record.phase = json.at("phase").get<std::string>();
  record.workers = IntegerFromJson<int>(json.at("workers"));
  record.precision = json.at("precision").get<std::string>();
  record.local_steps = IntegerFromJson<int>(json.at("local_steps"));
  record.learning_rate = Real(json.at("learning_rate"));
  record.steps = IntegerFromJson<std::int64_t>(json.at("steps"));
  record.train_loss = Real(json.at("train_loss"));
  record.train_top1 = Real(json.at("train_top1"));
  record.validation_loss = OptionalReal(json.at("validation_loss"));
  record.validation_top1 = OptionalReal(json.at("validation_top1"));
  record.validation_top5 = OptionalReal(json.at("validation_top5"));
  record.validation_per_class = PerClassFromJson(json.at("validation_per_class"));
  record.images_per_second = Real(json.at("images_per_second"));
  record.seconds = Real(json.at("seconds"));
  record.parts = PartsFromJson(json);
  record.seconds_communication_total = Real(json.at("seconds_communication_total"));
  record.seconds_evaluation = Real(json.at("seconds_evaluation"));
  record.bytes_communicated = IntegerFromJson<std::uint64_t>(json.at("bytes_communicated"));
  record.bytes_on_wire = IntegerFromJson<std::uint64_t>(json.at("bytes_on_wire"));
  record.bytes_evaluation = IntegerFromJson<std::uint64_t>(json.at("bytes_evaluation"));
  record.synchronizations = IntegerFromJson<std::int64_t>(json.at("synchronizations"));
  record.worker_divergence = OptionalReal(json.at("worker_divergence"));
  return record;
}

}  // namespace ronde
