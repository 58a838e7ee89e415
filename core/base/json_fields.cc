#include "core/base/json_fields.h"

#include <algorithm>
#include <utility>

#include <nlohmann/json.hpp>

#include "core/base/strcat.h"

namespace ronde {

struct JsonFields::Value {
  nlohmann::json json;
};

namespace {

// As much of a value as fits into a message.
std::string Excerpt(const nlohmann::json& json) {
  constexpr std::size_t kLongest = 40;
  std::string text =
      json.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace).substr(0, kLongest);
  return text.size() == kLongest ? text + "..." : text;
}

bool IsWithin(const nlohmann::json& json, std::int64_t min, std::int64_t max) {
  if (!json.is_number_integer()) return false;
  if (json.is_number_unsigned() && json.get<std::uint64_t>() > INT64_MAX) return false;
  const auto number = json.get<std::int64_t>();
  return number >= min && number <= max;
}

}  // namespace

JsonFields::JsonFields(std::shared_ptr<const Value> value, std::string path,
                       std::shared_ptr<Status> status)
    : value_(std::move(value)), path_(std::move(path)), status_(std::move(status)) {}

JsonFields JsonFields::Parse(std::string_view text, std::string what) {
  auto value = std::make_shared<Value>();
  value->json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  auto status = std::make_shared<Status>();
  if (!value->json.is_object()) {
    *status = Status::InvalidArgument(
        StrCat(what, ": expected a JSON object, got ",
               value->json.is_discarded() ? "what is not JSON" : Excerpt(value->json)));
    value->json = nlohmann::json::object();
  }
  return {std::move(value), StrCat(what, ": "), std::move(status)};
}

bool JsonFields::Has(std::string_view name) const {
  return value_->json.contains(std::string(name));
}

void JsonFields::Refuse(std::string_view name, std::string_view expected) {
  if (!status_->ok()) return;
  const auto found = value_->json.find(std::string(name));
  *status_ =
      Status::InvalidArgument(StrCat(path_, name, ": expected ", expected, ", got ",
                                     found == value_->json.end() ? "nothing" : Excerpt(*found)));
}

const JsonFields::Value* JsonFields::Find(std::string_view name, std::string_view expected) {
  asked_.emplace_back(name);
  if (!Has(name)) Refuse(name, expected);
  return status_->ok() ? value_.get() : nullptr;
}

std::string JsonFields::Text(std::string_view name) {
  const Value* const value = Find(name, "text");
  if (value == nullptr) return "";
  const nlohmann::json& json = value->json.at(std::string(name));
  if (json.is_string()) return json.get<std::string>();
  Refuse(name, "text");
  return "";
}

std::int64_t JsonFields::Integer(std::string_view name, std::int64_t min, std::int64_t max) {
  const std::string expected = StrCat("an integer from ", min, " to ", max);
  const Value* const value = Find(name, expected);
  if (value == nullptr) return min;
  const nlohmann::json& json = value->json.at(std::string(name));
  if (IsWithin(json, min, max)) return json.get<std::int64_t>();
  Refuse(name, expected);
  return min;
}

double JsonFields::Real(std::string_view name, double min, double max) {
  const std::string expected = StrCat("a number from ", min, " to ", max);
  const Value* const value = Find(name, expected);
  if (value == nullptr) return min;
  const nlohmann::json& json = value->json.at(std::string(name));
  if (json.is_number() && json.get<double>() >= min && json.get<double>() <= max) {
    return json.get<double>();
  }
  Refuse(name, expected);
  return min;
}

std::vector<int> JsonFields::Integers(std::string_view name, int min, int max) {
  const std::string expected = StrCat("a list of integers from ", min, " to ", max);
  std::vector<int> numbers;
  const Value* const value = Find(name, expected);
  if (value == nullptr) return numbers;
  const nlohmann::json& json = value->json.at(std::string(name));
  const bool fits = json.is_array() && std::all_of(json.begin(), json.end(), [&](const auto& item) {
                      return IsWithin(item, min, max);
                    });
  if (!fits) {
    Refuse(name, expected);
    return numbers;
  }
  for (const nlohmann::json& item : json) numbers.push_back(item.get<int>());
  return numbers;
}

JsonFields JsonFields::Object(std::string_view name) {
  auto inner = std::make_shared<Value>();
  inner->json = nlohmann::json::object();
  if (const Value* const value = Find(name, "an object"); value != nullptr) {
    const nlohmann::json& json = value->json.at(std::string(name));
    if (json.is_object()) {
      inner->json = json;
    } else {
      Refuse(name, "an object");
    }
  }
  return {std::move(inner), StrCat(path_, name, "."), status_};
}

std::vector<JsonFields> JsonFields::Objects(std::string_view name) {
  std::vector<JsonFields> objects;
  const Value* const value = Find(name, "a list of objects");
  if (value == nullptr) return objects;
  const nlohmann::json& json = value->json.at(std::string(name));
  const bool fits = json.is_array() && std::all_of(json.begin(), json.end(), [](const auto& item) {
                      return item.is_object();
                    });
  if (!fits) {
    Refuse(name, "a list of objects");
    return objects;
  }
  for (const nlohmann::json& item : json) {
    auto inner = std::make_shared<Value>();
    inner->json = item;
    objects.push_back({std::move(inner), StrCat(path_, name, "[", objects.size(), "]."), status_});
  }
  return objects;
}

void JsonFields::ExpectNoOthers() {
  for (const auto& [name, unused] : value_->json.items()) {
    if (std::find(asked_.begin(), asked_.end(), name) != asked_.end()) continue;
    Refuse(name, "no field of this name");
    return;
  }
}

}  // namespace ronde
