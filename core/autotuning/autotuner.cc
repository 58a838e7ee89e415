#include "core/autotuning/autotuner.h"

#include <utility>
#include <vector>

#include "core/autotuning/duel.h"
#include "core/autotuning/parameter_space.h"
#include "core/autotuning/point_search.h"
#include "core/autotuning/score_window.h"

namespace ronde {
namespace {

using Kind = AutotunePoint::Kind;

constexpr double kMegabyte = 1e6;

}  // namespace

class Autotuner::Impl {
 public:
  Impl(const Tunables& defaults, const AutotuneOptions& options, const Clock& clock,
       AutotuneSink* sink)
      : options_(options),
        clock_(clock),
        sink_(sink),
        begin_ns_(clock.NowNs()),
        space_(defaults, options),
        search_(space_, options),
        window_(options.window_iterations, options.window_ns),
        duel_(options.compare_windows, options.least_gain),
        default_(defaults),
        best_(defaults),
        wanted_(defaults),
        in_force_(defaults) {
    window_.Restart(options_.warmup_iterations);
    if (space_.dimensions() > 0) {
      Begin(search_.Next());
    } else {
      Finish({.tunables = defaults, .best = defaults});
    }
  }

  void OnOperation(std::string_view name) {
    if (stage_ != Stage::kFinished) window_.AddOperation(name);
  }
  void OnListExecuted(std::uint64_t payload_bytes, std::int64_t begin_ns, std::int64_t end_ns) {
    if (stage_ == Stage::kFinished) return;
    const std::optional<double> score = window_.AddList(payload_bytes, begin_ns, end_ns);
    // What still runs with the old tunables counts for nobody.
    if (!score || has_next()) return;
    if (stage_ == Stage::kSearch) {
      OnSearchWindow(*score);
    } else {
      OnDuelWindow(*score);
    }
  }

  bool has_next() const { return wanted_ != in_force_; }
  std::optional<Tunables> TakeNext() {
    if (!has_next()) return std::nullopt;
    in_force_ = wanted_;
    window_.Restart(options_.warmup_iterations);
    return wanted_;
  }
  bool finished() const { return stage_ == Stage::kFinished; }

 private:
  enum class Stage { kSearch, kDuel, kFinished };

  void Begin(std::optional<PointSearch::Proposal> proposal) {
    if (!proposal) return BeginDuel();
    scores_.clear();
    kind_ = proposal->kind;
    wanted_ = space_.At(proposal->point);
  }

  void OnSearchWindow(double score) {
    scores_.push_back(score);
    if (scores_.size() < static_cast<std::size_t>(options_.windows)) return;
    const double median = Median(scores_);
    Report(kind_, median);
    search_.Tell(median);
    ++searched_;
    Begin(search_.Next());
  }

  void BeginDuel() {
    stage_ = Stage::kDuel;
    best_ = space_.At(search_.Best());
    if (best_ == default_) return Finish({.tunables = default_, .best = best_});
    wanted_ = default_;
  }

  void OnDuelWindow(double score) {
    Report(duel_.turn() == Duel::Side::kBest ? Kind::kCompareBest : Kind::kCompareDefault, score);
    duel_.Add(score);
    if (!duel_.over()) {
      wanted_ = duel_.turn() == Duel::Side::kBest ? best_ : default_;
      return;
    }
    AutotuneOutcome outcome;
    outcome.improved = duel_.BestWins();
    outcome.best = best_;
    outcome.tunables = outcome.improved ? best_ : default_;
    outcome.default_mb_per_s = duel_.Median(Duel::Side::kDefault) / kMegabyte;
    outcome.best_mb_per_s = duel_.Median(Duel::Side::kBest) / kMegabyte;
    outcome.needed_gain = duel_.NeededGain();
    Finish(outcome);
  }

  void Finish(AutotuneOutcome outcome) {
    stage_ = Stage::kFinished;
    wanted_ = outcome.tunables;
    outcome.points = searched_;
    if (sink_ != nullptr) sink_->OnFinished(outcome);
  }

  void Report(Kind kind, double score) {
    const double elapsed_s = static_cast<double>(clock_.NowNs() - begin_ns_) * 1e-9;
    const AutotunePoint point = {reported_++, kind, in_force_, score / kMegabyte, elapsed_s};
    if (sink_ != nullptr) sink_->OnPoint(point);
  }

  const AutotuneOptions options_;
  const Clock& clock_;
  AutotuneSink* const sink_;
  const std::int64_t begin_ns_;
  const ParameterSpace space_;
  PointSearch search_;
  ScoreWindow window_;
  Duel duel_;

  Stage stage_ = Stage::kSearch;
  Kind kind_ = Kind::kDefault;
  std::vector<double> scores_;  // of the point at hand
  int searched_ = 0;
  int reported_ = 0;
  const Tunables default_;
  Tunables best_;
  Tunables wanted_;
  Tunables in_force_;
};

Autotuner::Autotuner(const Tunables& defaults, const AutotuneOptions& options, const Clock& clock,
                     AutotuneSink* sink)
    : impl_(std::make_unique<Impl>(defaults, options, clock, sink)) {}
Autotuner::~Autotuner() = default;

void Autotuner::OnOperation(std::string_view name) { impl_->OnOperation(name); }
void Autotuner::OnListExecuted(std::uint64_t payload_bytes, std::int64_t begin_ns,
                               std::int64_t end_ns) {
  impl_->OnListExecuted(payload_bytes, begin_ns, end_ns);
}
bool Autotuner::has_next() const { return impl_->has_next(); }
std::optional<Tunables> Autotuner::TakeNext() { return impl_->TakeNext(); }
bool Autotuner::finished() const { return impl_->finished(); }

}  // namespace ronde
