#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/status.h"

namespace ronde {

/// Reads one object of a JSON file field by field and checks what it finds. The first thing that is
/// wrong anywhere in the file is kept as status(), naming the place, what is expected and what is
/// there; later reads return their least value, so that callers look at the status once, at the
/// end. Thread rule: one thread.
class JsonFields {
 public:
  /// `what` names the file in messages. A text that is no JSON object shows in status().
  [[nodiscard]] static JsonFields Parse(std::string_view text, std::string what);

  [[nodiscard]] bool Has(std::string_view name) const;
  [[nodiscard]] std::string Text(std::string_view name);
  [[nodiscard]] std::int64_t Integer(std::string_view name, std::int64_t min, std::int64_t max);
  [[nodiscard]] double Real(std::string_view name, double min, double max);
  [[nodiscard]] std::vector<int> Integers(std::string_view name, int min, int max);
  [[nodiscard]] JsonFields Object(std::string_view name);
  [[nodiscard]] std::vector<JsonFields> Objects(std::string_view name);

  /// To be called after the last read: fields that nobody asked for are typing errors.
  void ExpectNoOthers();
  /// Says that a field's value makes no sense; kept unless something else was wrong before.
  void Refuse(std::string_view name, std::string_view expected);
  /// kInvalidArgument, or kOk while all is well. Shared by all objects of the file.
  [[nodiscard]] const Status& status() const { return *status_; }

 private:
  struct Value;  // of the JSON library

  JsonFields(std::shared_ptr<const Value> value, std::string path, std::shared_ptr<Status> status);
  [[nodiscard]] const Value* Find(std::string_view name, std::string_view expected);

  std::shared_ptr<const Value> value_;
  std::string path_;  // "file 'x': entries[1]."
  std::shared_ptr<Status> status_;
  std::vector<std::string> asked_;
};

}  // namespace ronde
