#include "bench/engine/negotiate_report.h"

#include <cstdio>
#include <thread>

#include <nlohmann/json.hpp>

#include "core/base/program.h"
#include "core/base/strcat.h"

namespace ronde::bench {
namespace {

using Json = nlohmann::ordered_json;

template <typename... Args>
std::string Format(const char* format, Args... args) {
  char text[256];
  std::snprintf(text, sizeof(text), format, args...);
  return text;
}

}  // namespace

std::string NegotiateHeading(const NegotiateOptions& options, int ranks) {
  std::string text =
      StrCat("# ronde-bench ", VersionString(), " negotiate, ",
             ranks > 1 ? StrCat(ranks, " processes") : "ranks as threads", ", order ",
             Name(options.order), ", ", options.cycles, " cycles after ", options.warmup_cycles,
             " to warm up, on engines that move no data\n"
             "# cycle: median from the first submission of all tensors to the last "
             "completion, and how long submitting takes of it; messages that a rank "
             "sends in it\n");
  std::string modes = Format("# %5s %7s", "", "");
  std::string names = Format("# %5s %7s", "ranks", "tensors");
  for (const ControlMode mode : options.modes) {
    modes += Format(" %37s", std::string(Name(mode)).c_str());
    names += Format(" %12s %8s %8s %6s", "cycle(us)", "submit", "msgs max", "mean");
  }
  return text + modes + "\n" + names;
}

std::string NegotiateLine(const NegotiateRow& row) {
  std::string line = Format("  %5d %7d", row.ranks, row.tensors);
  for (const NegotiateFigures& figures : row.figures) {
    line += Format(" %12.1f %8.1f %8.2f %6.2f", figures.timing.p50_us, figures.submit_us,
                   figures.messages_most, figures.messages_mean);
  }
  return line;
}

std::string NegotiateFootnote(int most_ranks) {
  const int cores = static_cast<int>(std::thread::hardware_concurrency());
  // A rank has two threads: its own and its engine's.
  if (2 * most_ranks <= cores) return "#";
  return StrCat("# ", 2 * most_ranks, " threads (two a rank) share ", cores,
                " cores here: the times are mostly the scheduler's. How the control plane grows "
                "with ranks is in the messages.");
}

std::vector<std::string> NegotiateJson(const NegotiateRow& row) {
  std::vector<std::string> lines;
  for (const NegotiateFigures& figures : row.figures) {
    const Json json = {{"benchmark", "negotiate"},
                       {"transport", row.transport},
                       {"ranks", row.ranks},
                       {"tensors", row.tensors},
                       {"mode", Name(figures.mode)},
                       {"order", Name(row.order)},
                       {"cycles", row.cycles},
                       {"time_us", figures.timing.mean_us},
                       {"p50_us", figures.timing.p50_us},
                       {"p99_us", figures.timing.p99_us},
                       {"submit_us", figures.submit_us},
                       {"messages_max", figures.messages_most},
                       {"messages_mean", figures.messages_mean},
                       {"message_bytes_max", figures.bytes_most},
                       {"data_messages_max", figures.data_messages_most},
                       {"board_words_max", figures.board_words_most}};
    lines.push_back(json.dump());
  }
  return lines;
}

}  // namespace ronde::bench
