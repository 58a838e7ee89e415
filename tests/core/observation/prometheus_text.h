#pragma once

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace ronde {

/// Prometheus text, read by the rules of format 0.0.4. What breaks them fails the test.
class PrometheusFamilies {
 public:
  using Labels = std::map<std::string, std::string>;
  struct Sample {
    std::string name;
    Labels labels;
    double value = 0;
  };
  struct Family {
    std::string type;
    bool has_help = false;
    std::vector<Sample> samples;
  };

  explicit PrometheusFamilies(const std::string& text) {
    EXPECT_TRUE(text.empty() || text.back() == '\n') << "the last line does not end";
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with("# ")) {
        ReadComment(line);
      } else if (!line.empty()) {
        ReadSample(line);
      }
    }
    for (const auto& [name, family] : families_) Check(name, family);
  }

  [[nodiscard]] const std::map<std::string, Family>& families() const { return families_; }
  /// The sample with these labels among others; fails where there is not exactly one.
  [[nodiscard]] double Value(const std::string& name, const Labels& labels = {}) const {
    std::vector<double> found;
    for (const auto& [family_name, family] : families_) {
      for (const Sample& sample : family.samples) {
        const bool fits = std::all_of(labels.begin(), labels.end(), [&](const auto& label) {
          const auto at = sample.labels.find(label.first);
          return at != sample.labels.end() && at->second == label.second;
        });
        if (sample.name == name && fits) found.push_back(sample.value);
      }
    }
    EXPECT_EQ(found.size(), 1U) << name;
    return found.size() == 1 ? found[0] : std::numeric_limits<double>::quiet_NaN();
  }

 private:
  static bool IsName(std::string_view name) {
    return !name.empty() && std::isdigit(static_cast<unsigned char>(name[0])) == 0 &&
           std::all_of(name.begin(), name.end(), [](unsigned char c) {
             return std::isalnum(c) != 0 || c == '_' || c == ':';
           });
  }

  void ReadComment(const std::string& line) {
    std::istringstream words(line);
    std::string hash, what, name, rest;
    words >> hash >> what >> name;
    std::getline(words, rest);
    EXPECT_TRUE(IsName(name)) << line;
    if (what == "HELP") {
      EXPECT_FALSE(families_.contains(name)) << "twice: " << line;
      EXPECT_GT(rest.size(), 1U) << line;
      families_[name].has_help = true;
    } else if (what == "TYPE") {
      EXPECT_TRUE(families_[name].samples.empty()) << "TYPE after samples: " << line;
      families_[name].type = rest.substr(1);
      current_ = name;
    }
  }

  void ReadSample(const std::string& line) {
    Sample sample;
    const std::size_t open = line.find('{');
    ASSERT_NE(open, std::string::npos) << line;
    sample.name = line.substr(0, open);
    std::size_t at = open + 1;
    while (line[at] != '}') {
      const std::size_t equals = line.find("=\"", at);
      ASSERT_NE(equals, std::string::npos) << line;
      const std::string label = line.substr(at, equals - at);
      EXPECT_TRUE(IsName(label)) << line;
      std::string value;
      for (at = equals + 2; at < line.size() && line[at] != '"'; ++at) {
        if (line[at] == '\\') {
          ++at;
          value += line[at] == 'n' ? '\n' : line[at];
        } else {
          value += line[at];
        }
      }
      ASSERT_LT(at + 1, line.size()) << line;
      EXPECT_TRUE(sample.labels.emplace(label, value).second) << "label twice: " << line;
      at += line[at + 1] == ',' ? 2 : 1;
    }
    ASSERT_EQ(line[at + 1], ' ') << line;
    char* end = nullptr;
    sample.value = std::strtod(line.c_str() + at + 2, &end);
    EXPECT_EQ(*end, '\0') << line;
    EXPECT_FALSE(current_.empty()) << line;
    EXPECT_TRUE(sample.name.starts_with(current_)) << "outside its family: " << line;
    families_[current_].samples.push_back(std::move(sample));
  }

  static void Check(const std::string& name, const Family& family) {
    EXPECT_TRUE(family.has_help) << name;
    EXPECT_TRUE(name.starts_with("ronde_")) << name;
    EXPECT_FALSE(family.samples.empty()) << name;
    EXPECT_EQ(name.ends_with("_total"), family.type == "counter") << name;
    for (const std::string_view bad : {"_ms", "_us", "_ns", "_milliseconds", "_kilobytes"}) {
      EXPECT_EQ(name.find(bad), std::string::npos) << "no base unit: " << name;
    }
    std::map<Labels, std::vector<Sample>> by_labels;
    for (const Sample& sample : family.samples) {
      EXPECT_TRUE(sample.labels.contains("rank")) << name;
      EXPECT_GE(sample.value, 0) << name;
      if (family.type == "histogram") {
        Labels labels = sample.labels;
        labels.erase("le");
        by_labels[labels].push_back(sample);
      } else {
        EXPECT_EQ(sample.name, name);
        EXPECT_TRUE(family.type == "counter" || family.type == "gauge") << family.type;
        by_labels[sample.labels].push_back(sample);
        EXPECT_EQ(by_labels[sample.labels].size(), 1U) << "twice: " << name;
      }
    }
    if (family.type != "histogram") return;
    for (const auto& [labels, samples] : by_labels) CheckHistogram(name, samples);
  }

  static void CheckHistogram(const std::string& name, const std::vector<Sample>& samples) {
    double last_bound = -std::numeric_limits<double>::infinity();
    double last_count = 0;
    std::optional<double> sum, count;
    for (const Sample& sample : samples) {
      if (sample.name == name + "_sum") sum = sample.value;
      if (sample.name == name + "_count") count = sample.value;
      if (sample.name != name + "_bucket") continue;
      ASSERT_TRUE(sample.labels.contains("le")) << name;
      const double bound = std::strtod(sample.labels.at("le").c_str(), nullptr);
      EXPECT_GT(bound, last_bound) << name;
      EXPECT_GE(sample.value, last_count) << name << " is not cumulative";
      last_bound = bound;
      last_count = sample.value;
    }
    EXPECT_TRUE(std::isinf(last_bound)) << name << " has no +Inf";
    ASSERT_TRUE(sum && count) << name;
    EXPECT_EQ(*count, last_count) << name;
  }

  std::map<std::string, Family> families_;
  std::string current_;
};

}  // namespace ronde
