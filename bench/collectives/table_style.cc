#include "bench/collectives/table_style.h"

#include <cstdio>

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

std::string What(const BenchOptions& options, int ranks) {
  return StrCat(
      "# ronde-bench ", VersionString(), " ", Name(options.collective), ", ", ranks,
      ranks == 1 ? " rank" : " ranks", ", path ", options.engine_path ? "engine" : "direct", ", ",
      options.registered_buffers ? "registered" : "private", " buffers, ",
      options.device == DeviceChoice::kCpu ? "" : StrCat("device ", Name(options.device), ", "),
      options.rules.cold ? "cold caches, " : "", options.rules.consume ? "results consumed, " : "",
      options.iterations, " samples after ", options.warmup_iterations, " warm-up calls");
}

bool IsEngine(const Row& row) { return row.path == "engine"; }

// Of single calls, which an engine's samples are.
std::string Quantiles(const Row& row, int place) {
  if (!IsEngine(row)) return "";
  if (place >= row.places()) return Format(" %8s %8s", "", "");
  return Format(" %8.2f %8.2f", row.timing[place].p50_us, row.timing[place].p99_us);
}

std::string NcclTiming(const Row& row, int place) {
  if (place >= row.places()) return Format(" %9s %7s %7s %6s", "N/A", "", "", "");
  const Timing& timing = row.timing[place];
  const std::string wrong = row.checked ? StrCat(row.wrong[place]) : "N/A";
  return Format(" %9.2f %7.2f %7.2f %6s", timing.mean_us, row.AlgorithmBandwidth(timing),
                row.BusBandwidth(timing), wrong.c_str());
}

std::string PeerTiming(const Row& row, const Row::Peer& peer, int place) {
  if (!peer.supported || place >= row.places()) return Format(" %9s %6s", "N/A", "");
  return Format(" %9.2f %6.2f", peer.timing[place].mean_us,
                peer.timing[place].mean_us / row.timing[place].mean_us);
}

std::string BoundTiming(const Row& row, int place) {
  return Format(" %9.2f %5.1f", row.bound->timing[place].p50_us, row.bound->percent[place]);
}

}  // namespace

std::string NcclHeading(const BenchOptions& options, int ranks) {
  std::string groups = Format("# %75s %35s", "out-of-place", "in-place");
  std::string names = Format("# %11s %11s %9s %7s %6s %18s %9s %7s %7s %6s %9s %7s %7s %6s", "size",
                             "count", "type", "redop", "root", "algorithm", "time", "algbw",
                             "busbw", "#wrong", "time", "algbw", "busbw", "#wrong");
  std::string units =
      Format("# %11s %11s %9s %7s %6s %18s %9s %7s %7s %6s %9s %7s %7s %6s", "(B)", "(elements)",
             "", "", "", "", "(us)", "(GB/s)", "(GB/s)", "", "(us)", "(GB/s)", "(GB/s)", "");
  if (options.engine_path) {
    groups += Format(" %35s", "out-of-place and in-place, quantiles");
    names += Format(" %8s %8s %8s %8s", "p50", "p99", "p50", "p99");
    units += Format(" %8s %8s %8s %8s", "(us)", "(us)", "(us)", "(us)");
  }
  if (options.bounds) {
    groups += Format(" %31s", "memory's own (median, reached)");
    names += Format(" %9s %5s %9s %5s", "copy", "%", "rmw", "%");
    units += Format(" %9s %5s %9s %5s", "(us)", "", "(us)", "");
  }
  for (const std::string& peer : options.peers) {
    groups += Format(" %33s", (peer + " (time, ratio to Ronde)").c_str());
    names += Format(" %9s %6s %9s %6s", "out", "x", "in", "x");
    units += Format(" %9s %6s %9s %6s", "(us)", "", "(us)", "");
  }
  return What(options, ranks) + "; times are means of the maximum over ranks\n" + groups + "\n" +
         names + "\n" + units;
}

std::string NcclLine(const Row& row) {
  const std::string root = HasRoot(row.collective) ? StrCat(row.root) : "-1";
  std::string line =
      Format("  %11lld %11lld %9s %7s %6s %18s", static_cast<long long>(row.size_bytes),
             static_cast<long long>(row.count), std::string(ronde::Name(row.dtype)).c_str(),
             row.OpName().c_str(), root.c_str(), row.algorithm.c_str());
  for (int place = 0; place < 2; ++place) line += NcclTiming(row, place);
  for (int place = 0; place < 2; ++place) line += Quantiles(row, place);
  for (int place = 0; row.bound && place < 2; ++place) line += BoundTiming(row, place);
  for (const Row::Peer& peer : row.peers) {
    for (int place = 0; place < 2; ++place) line += PeerTiming(row, peer, place);
  }
  return line;
}

std::string OsuHeading(const BenchOptions& options, int ranks) {
  std::string names =
      Format("%-12s %16s %16s %16s %11s %12s %12s", "# Size", "Avg Latency(us)", "Min Latency(us)",
             "Max Latency(us)", "Iterations", "P50(us)", "P99(us)");
  if (options.bounds) names += Format(" %12s %5s", "Bound(us)", "%");
  for (const std::string& peer : options.peers) {
    names += Format(" %16s %6s", (peer + " Avg(us)").c_str(), "x");
  }
  return What(options, ranks) +
         "; out of place; average, least and most are over the ranks' own means, quantiles those "
         "of the maximum over ranks\n" +
         names;
}

std::string OsuLine(const Row& row) {
  const Timing& timing = row.timing[0];
  std::string line = Format(
      "%-12lld %16.2f %16.2f %16.2f %11d %12.2f %12.2f", static_cast<long long>(row.size_bytes),
      timing.rank_average_us, timing.rank_least_us, timing.rank_most_us,
      row.samples * (IsEngine(row) ? 1 : CallsPerSample(row.size_bytes, row.rules)), timing.p50_us,
      timing.p99_us);
  if (row.bound) {
    line += Format(" %12.2f %5.1f", row.bound->timing[0].p50_us, row.bound->percent[0]);
  }
  for (const Row::Peer& peer : row.peers) {
    line += peer.supported ? Format(" %16.2f %6.2f", peer.timing[0].rank_average_us,
                                    peer.timing[0].rank_average_us / timing.rank_average_us)
                           : Format(" %16s %6s", "N/A", "");
  }
  return line;
}

}  // namespace ronde::bench
