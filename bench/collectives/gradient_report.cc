#include "bench/collectives/gradient_report.h"

#include <cstdio>

#include <nlohmann/json.hpp>

#include "core/base/program.h"
#include "core/base/strcat.h"

namespace ronde::bench {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kRonde[] = "ronde";

// The peers' ways of a table, which the others are compared with.
std::vector<const GradientRow*> PeersOf(const GradientTable& table) {
  std::vector<const GradientRow*> peers;
  for (const GradientRow& row : table.rows) {
    if (row.library != kRonde && row.supported) peers.push_back(&row);
  }
  return peers;
}

// "mpi", or "mpi sum" where it leaves out the division that was asked for.
std::string NameOf(const GradientTable& table, const GradientRow& peer) {
  return peer.op == table.op ? peer.library : StrCat(peer.library, " ", Name(peer.op));
}

double Ratio(const GradientRow& peer, const GradientRow& row) {
  return row.timing.p50_us > 0 ? peer.timing.p50_us / row.timing.p50_us : 0;
}

std::string SizeText(std::int64_t bytes) {
  if (bytes < 0) return "-";
  if (bytes >= 1 << 20 && bytes % (1 << 20) == 0) return StrCat(bytes >> 20, "M");
  return bytes >= 1 << 10 && bytes % (1 << 10) == 0 ? StrCat(bytes >> 10, "K") : StrCat(bytes);
}

std::string Line(const GradientTable& table, const GradientRow& row) {
  char text[256];
  std::snprintf(text, sizeof(text), "  %-10s %-7s %-8s %-10s %9s %9s", NameOf(table, row).c_str(),
                row.path.c_str(), row.way.c_str(), row.buffers.c_str(),
                SizeText(row.fusion_threshold_bytes).c_str(),
                SizeText(row.bucket_size_bytes).c_str());
  std::string line = text;
  if (!row.supported) return line + "  not supported";
  const double ms = row.timing.p50_us / 1e3;
  std::snprintf(text, sizeof(text), " %9.2f %9.2f %8.2f %6s", ms, row.timing.p99_us / 1e3,
                ms > 0 ? static_cast<double>(table.size_bytes) / ms / 1e6 : 0,
                table.checked ? StrCat(row.wrong).c_str() : "N/A");
  line += text;
  for (const GradientRow* peer : PeersOf(table)) {
    std::snprintf(text, sizeof(text), " %9.2f", Ratio(*peer, row));
    line += text;
  }
  return line;
}

Json SizeJson(std::int64_t bytes) { return bytes < 0 ? Json() : Json(bytes); }

Json RowJson(const GradientTable& table, const GradientRow& row) {
  Json json = {{"benchmark", "gradients"},
               {"model", table.model},
               {"tensors", table.tensors},
               {"count", table.count},
               {"size_bytes", table.size_bytes},
               {"dtype", Name(table.dtype)},
               {"op", Name(row.op)},
               {"ranks", table.ranks},
               {"samples", table.samples},
               {"library", row.library},
               {"path", row.path},
               {"way", row.way},
               {"buffers", row.buffers},
               {"fusion_threshold_bytes", SizeJson(row.fusion_threshold_bytes)},
               {"bucket_size_bytes", SizeJson(row.bucket_size_bytes)},
               {"time_us", row.timing.mean_us},
               {"p50_us", row.timing.p50_us},
               {"p99_us", row.timing.p99_us},
               {"wrong", table.checked ? Json(row.wrong) : Json()},
               {"peers", Json::object()}};
  for (const GradientRow* peer : PeersOf(table)) {
    json["peers"][NameOf(table, *peer)] = {{"p50_us", peer->timing.p50_us},
                                           {"ratio", Ratio(*peer, row)}};
  }
  return json;
}

}  // namespace

std::string GradientText(const GradientTable& table, const BenchOptions& options) {
  std::string text = StrCat(
      "# ronde-bench ", VersionString(), " gradients of ", table.model, ": ", table.tensors,
      " tensors, ", table.count, " elements, ", table.size_bytes, " bytes, ", Name(table.dtype),
      " ", Name(table.op), ", ", table.ranks, table.ranks == 1 ? " rank, " : " ranks, ",
      table.samples, " steps after ", options.warmup_iterations, " to warm up\n",
      "# in place; medians of the maximum over ranks; last: times that a peer takes, tensor "
      "by tensor\n");
  char columns[256];
  std::snprintf(columns, sizeof(columns), "# %-10s %-7s %-8s %-10s %9s %9s %9s %9s %8s %6s",
                "library", "path", "way", "buffers", "threshold", "bucket", "p50(ms)", "p99(ms)",
                "GB/s", "#wrong");
  text += columns;
  for (const GradientRow* peer : PeersOf(table)) {
    std::snprintf(columns, sizeof(columns), " %9s", StrCat("x ", NameOf(table, *peer)).c_str());
    text += columns;
  }
  for (const GradientRow& row : table.rows) text += "\n" + Line(table, row);
  return text;
}

std::vector<std::string> GradientJson(const GradientTable& table) {
  std::vector<std::string> lines;
  for (const GradientRow& row : table.rows) {
    if (row.supported) lines.push_back(RowJson(table, row).dump());
  }
  return lines;
}

std::int64_t WrongOfRonde(const GradientTable& table) {
  std::int64_t wrong = 0;
  for (const GradientRow& row : table.rows) {
    if (row.library == kRonde) wrong += row.wrong;
  }
  return wrong;
}

}  // namespace ronde::bench
