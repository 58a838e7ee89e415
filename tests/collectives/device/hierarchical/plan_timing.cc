#include "tests/collectives/device/hierarchical/plan_timing.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "collectives/device/hierarchical/plan_schedule.h"

namespace ronde {
namespace {

constexpr double kNever = 1e300;

class Timing {
 public:
  Timing(const DevicePlanShape& shape, const PlanRates& rates) : rates_(rates) {
    for (int host = 0; host < shape.hosts(); ++host) {
      plans_.push_back(MakeDevicePlan(shape, host, 0));
      ends_.emplace_back(plans_.back().steps.size(), kNever);
      engine_free_.emplace_back(4, 0.0);
      out_free_.push_back(0);
      in_free_.push_back(0);
      for (std::size_t step = 0; step < plans_.back().steps.size(); ++step) {
        const PlanStep& its = plans_.back().steps[step];
        if (its.kind == PlanStepKind::kSend) sends_[{host, its.peer}].push_back(step);
        if (its.kind == PlanStepKind::kReceive) receives_[{its.peer, host}].push_back(step);
      }
    }
  }

  PlanTime Run() {
    while (Next()) {
    }
    PlanTime time;
    for (std::size_t host = 0; host < plans_.size(); ++host) {
      double sum = 0;
      double wire = 0;
      for (std::size_t step = 0; step < plans_[host].steps.size(); ++step) {
        time.total_us = std::max(time.total_us, ends_[host][step]);
        const PlanStep& its = plans_[host].steps[step];
        if (its.kind != PlanStepKind::kReceive) sum += Duration(its);
        if (its.kind == PlanStepKind::kSend) wire += Duration(its) - rates_.alpha_us;
      }
      time.one_by_one_us = std::max(time.one_by_one_us, sum);
      time.wire_us = std::max(time.wire_us, wire);
    }
    return time;
  }

 private:
  [[nodiscard]] double Duration(const PlanStep& step) const {
    std::size_t bytes = 0;
    for (const PlanPlace& place : step.reads) bytes += place.size_bytes;
    if (step.reads.empty()) bytes = step.writes.empty() ? 0 : step.writes.front().size_bytes;
    const auto size = static_cast<double>(bytes);
    if (step.engine == PlanEngine::kWire) return rates_.alpha_us + size / rates_.wire;
    return size / (step.engine == PlanEngine::kHost ? rates_.host : rates_.stream);
  }

  [[nodiscard]] double ReadyAt(std::size_t host, const PlanStep& step) const {
    double ready = 0;
    for (const int before : step.after) {
      ready = std::max(ready, ends_[host][static_cast<std::size_t>(before)]);
    }
    return ready;
  }

  // Takes the earliest of all steps that can be next.
  bool Next() {
    double earliest = kNever;
    std::size_t host_of = 0;
    std::size_t step_of = 0;
    for (std::size_t host = 0; host < plans_.size(); ++host) {
      std::array<bool, kPlanStreams> taken = {};
      for (std::size_t step = 0; step < plans_[host].steps.size(); ++step) {
        const PlanStep& its = plans_[host].steps[step];
        if (its.engine == PlanEngine::kWire || ends_[host][step] != kNever) continue;
        const auto engine = static_cast<std::size_t>(its.engine);
        if (IsStream(its.engine) && std::exchange(taken[engine], true)) continue;
        const double at = std::max(ReadyAt(host, its), engine_free_[host][engine]);
        if (at < earliest) {
          earliest = at;
          host_of = host;
          step_of = step;
        }
      }
    }
    const auto message = NextMessage(earliest);
    if (message != receives_.end()) {
      Deliver(message->first);
      return true;
    }
    if (earliest == kNever) return false;
    const PlanStep& step = plans_[host_of].steps[step_of];
    ends_[host_of][step_of] = earliest + Duration(step);
    engine_free_[host_of][static_cast<std::size_t>(step.engine)] = ends_[host_of][step_of];
    return true;
  }

  using Link = std::pair<int, int>;
  using Links = std::map<Link, std::vector<std::size_t>>;

  [[nodiscard]] double StartOf(const Link& link) const {
    const std::size_t sent = delivered_.contains(link) ? delivered_.at(link) : 0;
    const auto from = static_cast<std::size_t>(link.first);
    const auto to = static_cast<std::size_t>(link.second);
    if (sent == sends_.at(link).size()) return kNever;
    return std::max({ReadyAt(from, plans_[from].steps[sends_.at(link)[sent]]),
                     ReadyAt(to, plans_[to].steps[receives_.at(link)[sent]]), out_free_[from],
                     in_free_[to]});
  }

  // The one that starts first, if it does so before `other`.
  [[nodiscard]] Links::iterator NextMessage(double other) {
    auto best = receives_.end();
    for (auto link = receives_.begin(); link != receives_.end(); ++link) {
      const double start = StartOf(link->first);
      if (start >= kNever || start > other) continue;
      if (best == receives_.end() || start < StartOf(best->first)) best = link;
    }
    return best;
  }

  void Deliver(const Link& link) {
    const double start = StartOf(link);
    const std::size_t sent = delivered_[link]++;
    const auto from = static_cast<std::size_t>(link.first);
    const auto to = static_cast<std::size_t>(link.second);
    const PlanStep& step = plans_[from].steps[sends_.at(link)[sent]];
    const double end = start + Duration(step);
    ends_[from][sends_.at(link)[sent]] = end;
    ends_[to][receives_.at(link)[sent]] = end;
    // The link takes the next message while this one's alpha passes.
    out_free_[from] = end - rates_.alpha_us;
    in_free_[to] = end - rates_.alpha_us;
  }

  PlanRates rates_;
  std::vector<DevicePlan> plans_;
  std::vector<std::vector<double>> ends_;         // by host and step
  std::vector<std::vector<double>> engine_free_;  // by host and engine
  std::vector<double> out_free_, in_free_;        // by host: its link
  Links sends_, receives_;
  std::map<Link, std::size_t> delivered_;
};

}  // namespace

PlanTime TimeOf(const DevicePlanShape& shape, const PlanRates& rates) {
  return Timing(shape, rates).Run();
}

}  // namespace ronde
