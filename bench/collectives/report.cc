#include "bench/collectives/report.h"

#include <cstdio>

#include <nlohmann/json.hpp>

#include "bench/collectives/table_style.h"

namespace ronde::bench {
namespace {

using Json = nlohmann::ordered_json;

Json TimingJson(const Row& row, const Timing& timing) {
  return {{"time_us", timing.mean_us},
          {"p50_us", timing.p50_us},
          {"p99_us", timing.p99_us},
          {"algbw_gbs", row.AlgorithmBandwidth(timing)},
          {"busbw_gbs", row.BusBandwidth(timing)}};
}

Json WrongJson(const Row& row, std::int64_t wrong) { return row.checked ? Json(wrong) : Json(); }

// Figures out of place, and in place below the key of that name.
Json FiguresJson(const Row& row, const Timing* timing, const std::int64_t* wrong) {
  Json json = TimingJson(row, timing[0]);
  json["wrong"] = WrongJson(row, wrong[0]);
  if (row.places() < 2) {
    json["in_place"] = Json();
    return json;
  }
  json["in_place"] = TimingJson(row, timing[1]);
  json["in_place"]["wrong"] = WrongJson(row, wrong[1]);
  return json;
}

// Rates count what is read and what is written, of all ranks together.
void AddBound(const Row& row, Json& json) {
  const Row::Bound& bound = *row.bound;
  const auto moved = static_cast<double>(row.size_bytes) * row.ranks;
  const auto rate = [](double bytes, const Timing& timing) {
    return timing.p50_us > 0 ? bytes / timing.p50_us / 1e3 : 0;
  };
  for (int place = 0; place < row.places(); ++place) {
    Json& figures = place == 0 ? json : json["in_place"];
    figures["bound_us"] = bound.timing[place].p50_us;
    figures["bound_percent"] = bound.percent[place];
  }
  json["memory"] = {{"kernel", bound.kernel},
                    {"copy_gbs", rate(2 * moved, bound.timing[0])},
                    {"read_modify_write_gbs", rate(2 * moved, bound.timing[1])},
                    {"read_gbs", rate(moved, bound.read)}};
}

}  // namespace

std::string TableHeading(const BenchOptions& options, int ranks) {
  return options.style == Style::kOsu ? OsuHeading(options, ranks) : NcclHeading(options, ranks);
}

std::string TableLine(const BenchOptions& options, const Row& row) {
  return options.style == Style::kOsu ? OsuLine(row) : NcclLine(row);
}

std::string JsonLine(const Row& row) {
  Json json = {{"collective", Name(row.collective)},
               {"size_bytes", row.size_bytes},
               {"count", row.count},
               {"dtype", Name(row.dtype)},
               {"op", row.OpName()},
               {"root", HasRoot(row.collective) ? Json(row.root) : Json()},
               {"ranks", row.ranks},
               {"buffers", row.buffers},
               {"path", row.path},
               {"device", row.device},
               {"cache", row.rules.cold ? "cold" : "warm"},
               {"consume", row.rules.consume},
               {"samples", row.samples},
               {"algorithm", row.algorithm}};
  json.update(FiguresJson(row, row.timing, row.wrong));
  if (row.bound) AddBound(row, json);
  json["peers"] = Json::object();
  for (const Row::Peer& peer : row.peers) {
    if (!peer.supported) continue;
    json["peers"][peer.name] = FiguresJson(row, peer.timing, peer.wrong);
    json["peers"][peer.name]["algorithm"] = peer.algorithm;
  }
  return json.dump();
}

void Footer::Add(const Row& row) {
  for (int place = 0; place < row.places(); ++place) {
    wrong_ += row.wrong[place];
    bus_bandwidths_ += row.BusBandwidth(row.timing[place]);
    ++timings_;
    for (const Row::Peer& peer : row.peers) peers_wrong_ += peer.wrong[place];
  }
}

std::string Footer::Text() const {
  char text[256];
  std::snprintf(text, sizeof(text),
                "# Out of bounds values : %lld %s\n# Avg bus bandwidth    : %g\n",
                static_cast<long long>(wrong_), wrong_ == 0 ? "OK" : "FAILED",
                timings_ > 0 ? bus_bandwidths_ / timings_ : 0);
  std::string result = text;
  if (peers_wrong_ != 0) {
    std::snprintf(text, sizeof(text), "# Out of bounds values of peers : %lld\n",
                  static_cast<long long>(peers_wrong_));
    result += text;
  }
  return result + "#";
}

}  // namespace ronde::bench
