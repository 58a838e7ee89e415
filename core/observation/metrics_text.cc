#include "core/observation/metrics_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <functional>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/program.h"
#include "core/base/strcat.h"

namespace ronde {
namespace {

// Bounds that histograms are told at: powers of two of their integers.
struct Bounds {
  int first_exponent;
  int last_exponent;
};
constexpr Bounds kTimes{8, 36};    // 256 ns .. 69 s
constexpr Bounds kTensors{0, 12};  // 1 .. 4096
constexpr Bounds kFill{10, 24};    // 1/1024 .. 16 fusion thresholds

// Shortest text that reads back as the same number, whatever the locale.
std::string NumberText(double value) {
  std::array<char, 32> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  return {text.data(), end};
}

class Writer {
 public:
  explicit Writer(int rank) : rank_label_(StrCat("rank=\"", rank, "\"")) {}

  void Head(std::string_view name, std::string_view type, std::string_view help) {
    text_.append("# HELP ").append(name).append(" ").append(help).append("\n");
    text_.append("# TYPE ").append(name).append(" ").append(type).append("\n");
  }
  /// `labels` as in `kind="allreduce"`, or empty.
  void Sample(std::string_view name, std::string_view labels, std::string_view value) {
    text_.append(name).append("{").append(rank_label_);
    if (!labels.empty()) text_.append(",").append(labels);
    text_.append("} ").append(value).append("\n");
  }
  void Sample(std::string_view name, std::string_view labels, std::uint64_t value) {
    Sample(name, labels, std::to_string(value));
  }
  void Sample(std::string_view name, std::string_view labels, double value) {
    Sample(name, labels, NumberText(value));
  }
  void Histogram(std::string_view name, std::string_view labels, const HistogramSnapshot& histogram,
                 Bounds bounds);
  std::string Take() { return std::move(text_); }

 private:
  const std::string rank_label_;
  std::string text_;
};

std::string Label(std::string_view name, std::string_view value) {
  return StrCat(name, "=\"", EscapeLabelValue(value), "\"");
}

void Writer::Histogram(std::string_view name, std::string_view labels,
                       const HistogramSnapshot& histogram, Bounds bounds) {
  const std::string bucket = StrCat(name, "_bucket");
  const std::string prefix = labels.empty() ? "" : StrCat(labels, ",");
  for (int exponent = bounds.first_exponent; exponent <= bounds.last_exponent; ++exponent) {
    const double bound = static_cast<double>(std::uint64_t{1} << exponent) / histogram.per_unit;
    Sample(bucket, StrCat(prefix, Label("le", NumberText(bound))),
           histogram.CountUpToPowerOfTwo(exponent));
  }
  Sample(bucket, StrCat(prefix, Label("le", "+Inf")), histogram.count);
  Sample(StrCat(name, "_sum"), labels, histogram.sum);
  Sample(StrCat(name, "_count"), labels, histogram.count);
}

// As a word: "model_average".
std::string KindLabel(OperationKind kind) {
  std::string name(Name(kind));
  std::replace(name.begin(), name.end(), ' ', '_');
  return Label("kind", name);
}

template <typename Items, typename LabelsOf, typename ValueOf>
void WriteEach(Writer& writer, std::string_view name, std::string_view help, const Items& items,
               const LabelsOf& labels_of, const ValueOf& value_of) {
  if (items.empty()) return;
  writer.Head(name, "counter", help);
  for (const auto& item : items) writer.Sample(name, labels_of(item), std::invoke(value_of, item));
}

void WriteInfo(const MetricsSnapshot& snapshot, Writer& writer) {
  writer.Head("ronde_info", "gauge", "Always 1; the job's size and the version are its labels.");
  writer.Sample(
      "ronde_info",
      StrCat(Label("size", StrCat(snapshot.size)), ",", Label("version", VersionString())),
      std::uint64_t{1});
}

void WriteTimes(const MetricsSnapshot& snapshot, std::string_view name, std::string_view help,
                HistogramSnapshot OperationMetrics::*times, Writer& writer) {
  if (snapshot.operations.empty()) return;
  writer.Head(name, "histogram", help);
  for (const OperationMetrics& operation : snapshot.operations) {
    writer.Histogram(name, KindLabel(operation.kind), operation.*times, kTimes);
  }
}

void WriteOperations(const MetricsSnapshot& snapshot, Writer& writer) {
  const auto kind = [](const OperationMetrics& operation) { return KindLabel(operation.kind); };
  WriteEach(writer, "ronde_operations_total", "Operations completed without failure.",
            snapshot.operations, kind, &OperationMetrics::calls);
  WriteEach(writer, "ronde_payload_bytes_total",
            "Bytes of this rank's tensors in completed operations.", snapshot.operations, kind,
            &OperationMetrics::payload_bytes);
  const auto code = [](const FailureMetrics& failure) {
    return Label("code", StatusCodeName(failure.code));
  };
  WriteEach(writer, "ronde_failures_total", "Operations completed with a failure.",
            snapshot.failures, code, &FailureMetrics::operations);
  writer.Head("ronde_operations_in_flight", "gauge", "Operations submitted and not completed.");
  writer.Sample("ronde_operations_in_flight", "", snapshot.in_flight);
}

void WriteControl(const MetricsSnapshot& snapshot, Writer& writer) {
  const auto counter = [&writer](std::string_view name, std::string_view help, auto value) {
    writer.Head(name, "counter", help);
    writer.Sample(name, "", value);
  };
  counter("ronde_lists_total", "Lists of agreed operations.", snapshot.lists);
  counter("ronde_locked_lists_total", "Lists that came from the locked schedule.",
          snapshot.locked_lists);
  counter("ronde_cache_hits_total", "Operations answered from the response cache.",
          snapshot.cache_hits);
  counter("ronde_cache_misses_total", "Operations negotiated in full.", snapshot.cache_misses);
  counter("ronde_wire_bytes_total", "Bytes sent to peers, by shared memory or network.",
          snapshot.bytes_on_wire);
  counter("ronde_packed_bytes_total", "Bytes copied into the fusion buffer, padding included.",
          snapshot.bytes_packed);
  counter("ronde_outstanding_seconds_total", "Time with at least one operation in flight.",
          snapshot.seconds_outstanding);
}

void WritePhases(const std::vector<PhaseMetrics>& phases, Writer& writer) {
  const auto label = [](const PhaseMetrics& phase) { return Label("phase", phase.name); };
  WriteEach(writer, "ronde_phase_calls_total", "Times that a phase of the work on batches ran.",
            phases, label, &PhaseMetrics::calls);
  WriteEach(writer, "ronde_phase_seconds_total", "Time spent in a phase.", phases, label,
            &PhaseMetrics::seconds);
  WriteEach(writer, "ronde_phase_bytes_total", "Payload bytes of batches that had the phase.",
            phases, label, &PhaseMetrics::payload_bytes);
}

void WriteStragglers(const std::vector<StragglerMetrics>& stragglers, Writer& writer) {
  const auto label = [](const StragglerMetrics& straggler) {
    return Label("straggler", StrCat(straggler.rank));
  };
  WriteEach(writer, "ronde_straggler_waits_total", "Times that this rank was the last to ask.",
            stragglers, label, &StragglerMetrics::times);
  WriteEach(writer, "ronde_straggler_wait_seconds_total",
            "Time that the first rank had waited when this one, the last, asked.", stragglers,
            label, &StragglerMetrics::wait_s);
}

}  // namespace

std::string EscapeLabelValue(std::string_view value) {
  std::string escaped;
  escaped.reserve(value.size());
  for (const char c : value) {
    if (c == '\n') {
      escaped += "\\n";
      continue;
    }
    if (c == '\\' || c == '"') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

std::string PrometheusText(const MetricsSnapshot& snapshot) {
  Writer writer(snapshot.rank);
  WriteInfo(snapshot, writer);
  WriteOperations(snapshot, writer);
  WriteTimes(snapshot, "ronde_negotiation_seconds",
             "From the call until all ranks had asked for the operation.",
             &OperationMetrics::negotiation_s, writer);
  WriteTimes(snapshot, "ronde_queue_seconds", "From the agreement until the batch began.",
             &OperationMetrics::queue_s, writer);
  WriteTimes(snapshot, "ronde_execution_seconds", "Work on a batch, packing included.",
             &OperationMetrics::execution_s, writer);
  WriteTimes(snapshot, "ronde_completion_seconds", "From the call until the handle completed.",
             &OperationMetrics::completion_s, writer);
  writer.Head("ronde_batch_tensors", "histogram", "Tensors that travelled together.");
  writer.Histogram("ronde_batch_tensors", "", snapshot.batch_tensors, kTensors);
  writer.Head("ronde_fusion_fill_ratio", "histogram",
              "Size of an allreduce's batch relative to the fusion threshold.");
  writer.Histogram("ronde_fusion_fill_ratio", "", snapshot.fusion_fill, kFill);
  WritePhases(snapshot.phases, writer);
  WriteControl(snapshot, writer);
  WriteStragglers(snapshot.stragglers, writer);
  return writer.Take();
}

}  // namespace ronde
