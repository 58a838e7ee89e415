#include "bench/collectives/gradient_negotiation_report.h"

#include <cstdio>

#include <nlohmann/json.hpp>

#include "core/base/program.h"
#include "core/base/strcat.h"

namespace ronde::bench {
namespace {

using Json = nlohmann::ordered_json;

std::string ModeOf(const NegotiationRow& row) {
  return row.mode ? std::string(Name(*row.mode)) : "-";
}

std::string Line(const NegotiationTable& table, const NegotiationRow& row) {
  char text[256];
  std::snprintf(text, sizeof(text), "  %-7s %-9s %-10s %11.1f %11.1f", row.way.c_str(),
                ModeOf(row).c_str(), row.buffers.c_str(), row.timing.p50_us, row.timing.p99_us);
  std::string line = text;
  if (row.mode) {
    std::snprintf(text, sizeof(text), " %16.1f", row.negotiation_us);
  } else {
    std::snprintf(text, sizeof(text), " %16s", "-");
  }
  line += text;
  std::snprintf(text, sizeof(text), " %8.3f %6s", row.ratio_to_flat,
                table.checked ? StrCat(row.wrong).c_str() : "N/A");
  return line + text;
}

Json RowJson(const NegotiationTable& table, const NegotiationRow& row) {
  return {{"benchmark", "negotiation"},
          {"model", table.model},
          {"tensors", table.tensors},
          {"size_bytes", table.size_bytes},
          {"dtype", Name(table.dtype)},
          {"op", Name(table.op)},
          {"ranks", table.ranks},
          {"samples", table.samples},
          {"way", row.way},
          {"mode", row.mode ? Json(Name(*row.mode)) : Json()},
          {"buffers", row.buffers},
          {"time_us", row.timing.mean_us},
          {"p50_us", row.timing.p50_us},
          {"p99_us", row.timing.p99_us},
          {"negotiation_us", row.mode ? Json(row.negotiation_us) : Json()},
          {"ratio_to_flat", row.ratio_to_flat},
          {"wrong", table.checked ? Json(row.wrong) : Json()}};
}

}  // namespace

std::string NegotiationText(const NegotiationTable& table, const BenchOptions& options) {
  std::string text = StrCat(
      "# ronde-bench ", VersionString(), " negotiation of ", table.model, ": ", table.tensors,
      " tensors submitted at once, ", table.size_bytes, " bytes, ", Name(table.dtype), " ",
      Name(table.op), ", ", table.ranks, table.ranks == 1 ? " rank, " : " ranks, ", table.samples,
      " steps after ", options.warmup_iterations,
      " to warm up\n"
      "# in place; medians of the maximum over ranks. bare: the same batches without an engine; "
      "flat: one call over all; negotiation: engine - bare, median over rounds\n");
  char columns[256];
  std::snprintf(columns, sizeof(columns), "# %-7s %-9s %-10s %11s %11s %16s %8s %6s", "way", "mode",
                "buffers", "p50(us)", "p99(us)", "negotiation(us)", "x flat", "#wrong");
  text += columns;
  for (const NegotiationRow& row : table.rows) text += "\n" + Line(table, row);
  return text;
}

std::vector<std::string> NegotiationJson(const NegotiationTable& table) {
  std::vector<std::string> lines;
  for (const NegotiationRow& row : table.rows) lines.push_back(RowJson(table, row).dump());
  return lines;
}

std::int64_t WrongElements(const NegotiationTable& table) {
  std::int64_t wrong = 0;
  for (const NegotiationRow& row : table.rows) wrong += row.wrong;
  return wrong;
}

}  // namespace ronde::bench
