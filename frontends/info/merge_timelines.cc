#include "frontends/info/merge_timelines.h"

#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include <nlohmann/json.hpp>

#include "core/base/strcat.h"

namespace ronde {
namespace {

using nlohmann::json;

using File = std::unique_ptr<std::FILE, decltype([](std::FILE* file) { std::fclose(file); })>;

// What the head of a timeline says of it.
struct Head {
  json fields;  // "otherData"
  std::optional<std::int64_t> Integer(const char* name) const {
    const auto found = fields.find(name);
    if (found == fields.end() || !found->is_number_integer()) return std::nullopt;
    return found->get<std::int64_t>();
  }
};

class Merger {
 public:
  explicit Merger(std::string path) : path_(std::move(path)), out_(path_) {
    out_ << "{\"displayTimeUnit\":\"ms\",\n\"traceEvents\":[";
  }
  [[nodiscard]] bool good() const { return out_.good(); }

  Status Add(const std::string& input);
  Status Finish();
  [[nodiscard]] MergedTimelines TakeReport() { return std::move(report_); }

 private:
  // Notes whose file it is; refuses it where it cannot be told apart from another.
  Status Check(const std::string& input, Head head, const std::set<std::int64_t>& processes);

  std::string path_;
  std::ofstream out_;
  MergedTimelines report_;
  json ranks_ = json::array();
  std::map<std::int64_t, std::string> input_of_process_;
  std::optional<std::pair<std::int64_t, std::string>> origin_;  // and who said so
};

Status Merger::Add(const std::string& input) {
  const File in(std::fopen(input.c_str(), "r"));
  if (in == nullptr) {
    return Status::InvalidArgument(
        StrCat("cannot read the timeline '", input, "': ", std::strerror(errno)));
  }
  Head head;
  std::set<std::int64_t> processes;
  std::string key;  // the outermost object's, that the reader is in
  std::size_t events = 0;
  // Elements are handled as they end and then forgotten, so that what was read before an error
  // counts and a large file needs little memory.
  const auto on_part = [&](int depth, json::parse_event_t part, json& parsed) {
    if (part == json::parse_event_t::key && depth == 1) key = parsed.get<std::string>();
    if (part != json::parse_event_t::object_end) return true;
    if (depth == 1 && key == "otherData") head.fields = parsed;
    if (depth != 2 || key != "traceEvents") return true;
    out_ << (report_.events + events++ == 0 ? "\n" : ",\n") << parsed.dump();
    if (const auto pid = parsed.find("pid"); pid != parsed.end() && pid->is_number_integer()) {
      processes.insert(pid->get<std::int64_t>());
    }
    return false;
  };
  const json document = json::parse(in.get(), on_part, /*allow_exceptions=*/false);
  if (events == 0) {
    return Status::InvalidArgument(StrCat("'", input, "' is no timeline: expected a JSON object ",
                                          "with events in \"traceEvents\", as --timeline writes"));
  }
  if (document.is_discarded()) {
    report_.warnings.push_back(
        StrCat("'", input, "' is cut off; its first ", events, " events were read"));
  }
  report_.events += events;
  return Check(input, std::move(head), processes);
}

Status Merger::Check(const std::string& input, Head head, const std::set<std::int64_t>& processes) {
  for (const std::int64_t process : processes) {
    const auto [other, fresh] = input_of_process_.emplace(process, input);
    if (fresh) continue;
    return Status::InvalidArgument(StrCat("'", other->second, "' and '", input,
                                          "' are both of rank ", process,
                                          "; give one file of each rank"));
  }
  report_.ranks += processes.size();
  const std::optional<std::int64_t> origin = head.Integer("origin_ns");
  if (!origin) {
    report_.warnings.push_back(StrCat("'", input, "' does not say what its times count from"));
  } else if (!origin_) {
    origin_ = {*origin, input};
  } else if (origin_->first != *origin) {
    report_.warnings.push_back(StrCat("'", origin_->second, "' and '", input,
                                      "' are of different jobs: their times cannot be compared"));
  }
  ranks_.push_back(std::move(head.fields));
  return Status::Ok();
}

Status Merger::Finish() {
  out_ << "\n],\n\"otherData\":" << json{{"ranks", ranks_}}.dump() << "}\n";
  out_.close();
  if (out_.good()) return Status::Ok();
  return Status::InvalidArgument(StrCat("cannot write '", path_, "': ", std::strerror(errno)));
}

Status MergeInto(Merger& merger, const std::vector<std::string>& inputs) {
  for (const std::string& input : inputs) RONDE_RETURN_IF_ERROR(merger.Add(input));
  return merger.Finish();
}

}  // namespace

Result<MergedTimelines> MergeTimelines(const std::vector<std::string>& inputs,
                                       const std::string& output) {
  const std::string fresh = StrCat(output, ".", getpid(), ".tmp");
  Merger merger(fresh);
  if (!merger.good()) {
    return Status::InvalidArgument(StrCat("cannot write '", output, "': ", std::strerror(errno)));
  }
  Status merged = MergeInto(merger, inputs);
  if (merged.ok() && std::rename(fresh.c_str(), output.c_str()) != 0) {
    merged = Status::InvalidArgument(StrCat("cannot write '", output, "': ", std::strerror(errno)));
  }
  if (merged.ok()) return merger.TakeReport();
  std::remove(fresh.c_str());
  return merged;
}

}  // namespace ronde
