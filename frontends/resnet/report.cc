#include "frontends/resnet/report.h"

#include <algorithm>
#include <array>
#include <iomanip>
#include <optional>
#include <sstream>
#include <vector>

namespace ronde {
namespace {

struct Total {
  std::string name;
  int epochs = 0;
  double seconds = 0;
  StepSeconds parts;
  double seconds_evaluation = 0;
  std::uint64_t bytes = 0;
  std::int64_t synchronizations = 0;
  double divergence_sum = 0;
  std::int64_t averages = 0;  // of weights
  std::optional<double> train_top1;
  std::optional<double> validation_top1;
};

void AddEpoch(Total& total, const EpochRecord& record) {
  ++total.epochs;
  total.seconds += record.seconds;
  total.parts += record.parts;
  total.seconds_evaluation += record.seconds_evaluation;
  total.bytes += record.bytes_communicated;
  total.synchronizations += record.synchronizations;
  if (record.worker_divergence) {
    const std::int64_t averages = record.synchronizations;
    total.divergence_sum += *record.worker_divergence * static_cast<double>(averages);
    total.averages += averages;
  }
  total.train_top1 = record.train_top1;
  if (record.validation_top1) total.validation_top1 = record.validation_top1;
}

std::vector<Total> TotalsByPhase(std::span<const EpochRecord> records) {
  std::vector<Total> totals;
  Total all{"all"};
  for (const EpochRecord& record : records) {
    auto found = std::find_if(totals.begin(), totals.end(),
                              [&](const Total& total) { return total.name == record.phase; });
    if (found == totals.end()) found = totals.insert(totals.end(), Total{record.phase});
    AddEpoch(*found, record);
    AddEpoch(all, record);
  }
  if (totals.size() != 1) totals.push_back(all);
  return totals;
}

std::string Fixed(double value, int digits) {
  std::ostringstream out;
  out << std::fixed << std::setprecision(digits) << value;
  return out.str();
}

std::string Scientific(double value) {
  std::ostringstream out;
  out << std::scientific << std::setprecision(2) << value;
  return out.str();
}

std::string Share(double part, const Total& total) {
  const double percent = total.seconds > 0 ? 100 * part / total.seconds : 0;
  return Fixed(part, 1) + " (" + Fixed(percent, 0) + "%)";
}

std::string Percent(const std::optional<double>& fraction) {
  return fraction ? Fixed(100 * *fraction, 2) + "%" : "-";
}

using Row = std::vector<std::string>;

Row RowOf(const Total& total) {
  const StepSeconds& parts = total.parts;
  return {total.name,
          std::to_string(total.epochs),
          Fixed(total.seconds, 1),
          Share(parts.data, total),
          Share(parts.forward, total),
          Share(parts.backward, total),
          Share(parts.optimizer, total),
          Share(parts.communication, total),
          Fixed(total.seconds_evaluation, 1),
          FormatBytes(total.bytes),
          std::to_string(total.synchronizations),
          total.averages > 0
              ? Scientific(total.divergence_sum / static_cast<double>(total.averages))
              : "-",
          Percent(total.train_top1),
          Percent(total.validation_top1)};
}

}  // namespace

std::string FormatBytes(std::uint64_t bytes) {
  constexpr std::array<const char*, 5> kUnits = {"B", "kB", "MB", "GB", "TB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1000 && unit + 1 < kUnits.size()) {
    value /= 1000;
    ++unit;
  }
  return Fixed(value, unit == 0 ? 0 : value < 10 ? 2 : value < 100 ? 1 : 0) + " " + kUnits[unit];
}

std::string FormatReport(std::span<const EpochRecord> records) {
  // Transposed, the phases side by side: fourteen columns would not fit a terminal.
  const Row head = {"phase",        "epochs",          "training s",       "  data",
                    "  forward",    "  backward",      "  optimizer",      "  communication",
                    "evaluation s", "bytes per rank",  "synchronizations", "worker divergence",
                    "train top-1",  "validation top-1"};
  std::vector<Row> columns = {head};
  for (const Total& total : TotalsByPhase(records)) columns.push_back(RowOf(total));
  std::ostringstream out;
  for (std::size_t line = 0; line < head.size(); ++line) {
    out << std::left << std::setw(18) << columns[0][line] << std::right;
    for (std::size_t column = 1; column < columns.size(); ++column) {
      out << std::setw(16) << columns[column][line];
    }
    out << "\n";
  }
  return out.str();
}

}  // namespace ronde
