#pragma once

#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace ronde {

/// A timeline's file as JSON; the test fails where it is none.
inline nlohmann::json ReadTrace(const std::string& path) {
  std::ifstream file(path);
  nlohmann::json trace = nlohmann::json::parse(file, nullptr, /*allow_exceptions=*/false);
  EXPECT_TRUE(trace.is_object()) << path << " is not JSON";
  if (!trace.is_object()) return nlohmann::json{{"traceEvents", nlohmann::json::array()}};
  return trace;
}

/// The track of that name; -1 where there is none.
inline int TrackNamed(const nlohmann::json& trace, const std::string& name) {
  for (const auto& event : trace["traceEvents"]) {
    if (event["ph"] == "M" && event["name"] == "thread_name" && event["args"]["name"] == name) {
      return event["tid"];
    }
  }
  return -1;
}

/// What is on the track of that name, in the order of the file.
inline std::vector<nlohmann::json> EventsOn(const nlohmann::json& trace, const std::string& name) {
  std::vector<nlohmann::json> events;
  const int track = TrackNamed(trace, name);
  for (const auto& event : trace["traceEvents"]) {
    if (event["ph"] != "M" && event["tid"] == track) events.push_back(event);
  }
  return events;
}

/// The same as text: "B NEGOTIATE @1.5", "E @3", "X QUEUE @3+0.25" with microseconds.
inline std::vector<std::string> LinesOn(const nlohmann::json& trace, const std::string& name) {
  std::vector<std::string> lines;
  for (const nlohmann::json& event : EventsOn(trace, name)) {
    std::string line = event["ph"].get<std::string>();
    if (event.contains("name")) line += " " + event["name"].get<std::string>();
    line += " @" + event["ts"].dump();
    if (event.contains("dur")) line += "+" + event["dur"].dump();
    lines.push_back(line);
  }
  return lines;
}

}  // namespace ronde
