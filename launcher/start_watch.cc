#include "launcher/start_watch.h"

#include <algorithm>
#include <utility>

#include "core/base/strcat.h"
#include "launcher/launch_plan.h"

namespace ronde {
namespace {

constexpr std::size_t kMostNames = 8;

// "rank 3", "ranks 1, 2, 3 and 9 more".
std::string RankNames(const std::vector<std::string>& ranks) {
  return StrCat(ranks.size() == 1 ? "rank " : "ranks ", FormatHostNames(ranks, kMostNames));
}

}  // namespace

StartWatch::StartWatch(StartOptions options) : options_(std::move(options)) {
  states_.resize(static_cast<std::size_t>(std::max(options_.rank_count, 0)));
}

StartWatch::State StartWatch::StateAfter(StartRecord::Kind kind) {
  switch (kind) {
    case StartRecord::Kind::kStarted:
      return State::kStarted;
    case StartRecord::Kind::kMeeting:
      return State::kMeeting;
    case StartRecord::Kind::kReady:
      return State::kReady;
  }
  return State::kStarted;
}

void StartWatch::Note(const StartRecord& record) {
  if (record.rank < 0 || static_cast<std::size_t>(record.rank) >= states_.size()) return;
  Rank& rank = states_[static_cast<std::size_t>(record.rank)];
  if (!record.host.empty()) rank.host = record.host;
  const State state = StateAfter(record.kind);
  if (state >= State::kMeeting && rank.state < State::kMeeting) ++meeting_count_;
  if (state >= State::kReady && rank.state < State::kReady) ++ready_count_;
  rank.state = std::max(rank.state, state);
}

bool StartWatch::LacksStarts() const {
  return options_.reports && std::any_of(states_.begin(), states_.end(), [](const Rank& rank) {
           return rank.state == State::kNone;
         });
}

std::string StartWatch::Missing() const {
  std::vector<std::string> hosts;
  std::vector<std::string> absent;
  std::vector<std::string> waiting;
  for (std::size_t i = 0; i < states_.size(); ++i) {
    const Rank& rank = states_[i];
    if (rank.state == State::kNone) {
      absent.push_back(std::to_string(i));
      const std::string host = HostOfRank(options_.hosts, static_cast<int>(i));
      if (!host.empty() && std::find(hosts.begin(), hosts.end(), host) == hosts.end()) {
        hosts.push_back(host);
      }
    } else if (rank.state != State::kReady) {
      waiting.push_back(rank.host.empty() ? std::to_string(i)
                                          : StrCat(i, " (host ", rank.host, ")"));
    }
  }
  if (!absent.empty()) {
    const bool names_hosts = !hosts.empty();
    return StrCat(names_hosts ? hosts.size() == 1 ? "host " : "hosts " : "",
                  names_hosts ? FormatHostNames(hosts, kMostNames) + ": " : "", RankNames(absent),
                  absent.size() == 1 ? " has" : " have",
                  " not been started; see that the launcher reaches ",
                  names_hosts ? "these hosts" : "every host", " (ronderun --verbose)");
  }
  return StrCat(RankNames(waiting), waiting.size() == 1 ? " runs" : " run", " but ",
                waiting.size() == 1 ? "has" : "have",
                " not initialised Ronde; where all are listed, see that the network between the "
                "hosts works (--network-interface)");
}

}  // namespace ronde
