#include "bench/collectives/report.h"

#include <cstdio>

#include <nlohmann/json.hpp>

#include "core/base/program.h"
#include "core/base/strcat.h"

namespace ronde::bench {
namespace {

template <typename... Args>
std::string Format(const char* format, Args... args) {
  char text[256];
  std::snprintf(text, sizeof(text), format, args...);
  return text;
}

std::string WrongText(const Row& row, int place) {
  return row.checked ? StrCat(row.wrong[place]) : "N/A";
}

nlohmann::ordered_json TimingJson(const Row& row, const Timing& timing) {
  return {{"time_us", timing.mean_us},
          {"p50_us", timing.p50_us},
          {"p99_us", timing.p99_us},
          {"algbw_gbs", row.AlgorithmBandwidth(timing)},
          {"busbw_gbs", row.BusBandwidth(timing)}};
}

}  // namespace

std::string TableHeading(const BenchOptions& options, int ranks) {
  std::string text =
      StrCat("# ronde-bench ", VersionString(), " ", options.collective, ", ", ranks,
             ranks == 1 ? " rank" : " ranks", ", path ", options.engine_path ? "engine" : "direct",
             ", ", options.registered_buffers ? "registered" : "private", " buffers, ",
             options.iterations, " samples after ", options.warmup_iterations,
             " warm-up calls; times are means of the maximum over ranks\n");
  std::string groups = Format("# %68s %35s", "out-of-place", "in-place");
  std::string names = Format("# %11s %11s %9s %7s %18s %9s %7s %7s %6s %9s %7s %7s %6s", "size",
                             "count", "type", "redop", "algorithm", "time", "algbw", "busbw",
                             "#wrong", "time", "algbw", "busbw", "#wrong");
  std::string units =
      Format("# %11s %11s %9s %7s %18s %9s %7s %7s %6s %9s %7s %7s %6s", "(B)", "(elements)", "",
             "", "", "(us)", "(GB/s)", "(GB/s)", "", "(us)", "(GB/s)", "(GB/s)", "");
  for (const std::string& peer : options.peers) {
    groups += Format(" %33s", (peer + " (time, ratio to Ronde)").c_str());
    names += Format(" %9s %6s %9s %6s", "out", "x", "in", "x");
    units += Format(" %9s %6s %9s %6s", "(us)", "", "(us)", "");
  }
  return text + groups + "\n" + names + "\n" + units;
}

std::string TableLine(const Row& row) {
  std::string line = Format("  %11lld %11lld %9s %7s %18s", static_cast<long long>(row.size_bytes),
                            static_cast<long long>(row.count), std::string(Name(row.dtype)).c_str(),
                            std::string(Name(row.op)).c_str(), row.algorithm.c_str());
  for (int place = 0; place < 2; ++place) {
    const Timing& timing = row.timing[place];
    line += Format(" %9.2f %7.2f %7.2f %6s", timing.mean_us, row.AlgorithmBandwidth(timing),
                   row.BusBandwidth(timing), WrongText(row, place).c_str());
  }
  for (const Row::Peer& peer : row.peers) {
    for (int place = 0; place < 2; ++place) {
      if (!peer.supported) {
        line += Format(" %9s %6s", "n/a", "");
        continue;
      }
      line += Format(" %9.2f %6.2f", peer.timing[place].mean_us,
                     peer.timing[place].mean_us / row.timing[place].mean_us);
    }
  }
  return line;
}

std::string JsonLine(const Row& row) {
  nlohmann::ordered_json json = {{"collective", row.collective}, {"size_bytes", row.size_bytes},
                                 {"count", row.count},           {"dtype", Name(row.dtype)},
                                 {"op", Name(row.op)},           {"ranks", row.ranks},
                                 {"buffers", row.buffers},       {"path", row.path},
                                 {"algorithm", row.algorithm}};
  json.update(TimingJson(row, row.timing[0]));
  json["wrong"] = row.checked ? nlohmann::ordered_json(row.wrong[0]) : nlohmann::ordered_json();
  json["in_place"] = TimingJson(row, row.timing[1]);
  json["in_place"]["wrong"] =
      row.checked ? nlohmann::ordered_json(row.wrong[1]) : nlohmann::ordered_json();
  json["peers"] = nlohmann::ordered_json::object();
  for (const Row::Peer& peer : row.peers) {
    if (!peer.supported) continue;
    json["peers"][peer.name] = TimingJson(row, peer.timing[0]);
    json["peers"][peer.name]["in_place"] = TimingJson(row, peer.timing[1]);
  }
  return json.dump();
}

}  // namespace ronde::bench
