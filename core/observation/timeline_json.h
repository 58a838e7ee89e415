#pragma once

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

namespace ronde {

/// `text` as a JSON string, quotes included, in ASCII. What is no UTF-8 becomes U+FFFD.
[[nodiscard]] std::string JsonString(std::string_view text);

/// Appends one trace event, field by field, to the lines of a TimelineFile: ",\n{...}".
/// Source: "Trace Event Format", Google, 2016.
class TraceEvent {
 public:
  /// `phase` as in the format: B and E begin and end a span, X is a whole one, i an instant, C a
  /// counter, M says what something is called.
  TraceEvent(std::string& out, char phase, int pid, int tid) : out_(out) {
    out_ += ",\n{\"ph\":\"";
    out_ += phase;
    out_ += '"';
    Number("pid", pid);
    Number("tid", tid);
  }
  ~TraceEvent() { out_ += in_arguments_ ? "}}" : "}"; }
  TraceEvent(const TraceEvent&) = delete;
  TraceEvent& operator=(const TraceEvent&) = delete;

  /// `word` is written as it is: it has nothing to escape.
  TraceEvent& Word(std::string_view key, std::string_view word) {
    Key(key);
    out_ += '"';
    out_ += word;
    out_ += '"';
    return *this;
  }
  /// Of JsonString.
  TraceEvent& Text(std::string_view key, std::string_view json_string) {
    Key(key);
    out_ += json_string;
    return *this;
  }
  template <typename Integer>
  TraceEvent& Number(std::string_view key, Integer value) {
    Key(key);
    char digits[24];
    out_.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
    return *this;
  }
  TraceEvent& Switch(std::string_view key, bool value) {
    Key(key);
    out_ += value ? "true" : "false";
    return *this;
  }
  /// Nanoseconds, in the format's microseconds.
  TraceEvent& Time(std::string_view key, std::int64_t time_ns);
  /// What follows is in "args".
  TraceEvent& Arguments() {
    out_ += ",\"args\":{";
    in_arguments_ = true;
    first_ = true;
    return *this;
  }

 private:
  void Key(std::string_view key) {
    out_ += first_ ? "\"" : ",\"";
    out_ += key;
    out_ += "\":";
    first_ = false;
  }

  std::string& out_;
  bool in_arguments_ = false;
  bool first_ = false;
};

}  // namespace ronde
