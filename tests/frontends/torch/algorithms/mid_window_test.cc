// The trap of a checkpoint in mid-window that drops local state: what LocalWorkers and the
// algorithm give away, put into new objects, must go on as if nothing had been.
#include <numeric>
#include <string>
#include <vector>

#include "tests/frontends/torch/algorithms/train_workers.h"

namespace ronde {
namespace {

constexpr std::int64_t kSteps = 16;

// T = 5, H = 4: averages after steps 9 and 13.
constexpr std::int64_t kSwitch = 5;
constexpr std::int64_t kWindow = 4;

struct SavedWorker {
  at::Tensor weights, momentum, statistics;  // as LocalWorkers has them
  double batches_tracked = 0;
};

struct Saved {
  std::vector<SavedWorker> workers;
  std::vector<at::Tensor> shared;               // the algorithm's, in its order
  std::vector<double> previous_learning_rates;  // of the classic form
};

at::Tensor Copy(const at::Tensor& tensor) { return tensor.defined() ? tensor.clone() : tensor; }
void Restore(const at::Tensor& to, const at::Tensor& from) {
  const torch::NoGradGuard no_grad;
  if (to.defined()) to.copy_(from);
}

void Save(SmallTraining& training, int rank, Saved& saved) {
  LocalWorkers& workers = *training.workers();
  for (int w = 0; w < workers.count(); ++w) {
    const double batches = training.StateOf(w).batches_tracked;
    saved.workers[rank * workers.count() + w] = {
        Copy(workers.weights(w)), Copy(workers.momentum(w)), Copy(workers.statistics(w)), batches};
  }
  if (rank != 0) return;
  for (const auto& [name, tensor] : training.algorithm().State()) {
    saved.shared.push_back(tensor.clone());
  }
  if (training.classic() != nullptr) {
    saved.previous_learning_rates = training.classic()->previous_learning_rates();
  }
}

void Load(const Saved& saved, int rank, SmallTraining& training) {
  LocalWorkers& workers = *training.workers();
  for (int w = 0; w < workers.count(); ++w) {
    const SavedWorker& worker = saved.workers[rank * workers.count() + w];
    workers.Activate(w);
    Restore(workers.weights(w), worker.weights);
    Restore(workers.momentum(w), worker.momentum);
    Restore(workers.statistics(w), worker.statistics);
    training.norm()->num_batches_tracked.fill_(worker.batches_tracked);
  }
  const NamedTensors state = training.algorithm().State();
  ASSERT_EQ(state.size(), saved.shared.size());
  for (std::size_t i = 0; i < state.size(); ++i) Restore(state[i].second, saved.shared[i]);
  if (training.classic() != nullptr) {
    training.classic()->set_previous_learning_rates(saved.previous_learning_rates);
  }
}

Saved TrainAndSave(const WorkersTraining& training, int ranks, std::int64_t steps) {
  Saved saved{std::vector<SavedWorker>(training.workers), {}, {}};
  RunSessions(
      ranks,
      [&](Session& session) {
        SmallTraining part = MakeWorkers(session, training);
        Steps(1, steps)(part);
        Save(part, session.rank(), saved);
      },
      TreeConfig());
  return saved;
}

std::vector<WorkerState> Resume(const WorkersTraining& training, int ranks, const Saved& saved,
                                std::int64_t steps_done) {
  std::vector<WorkerState> states(training.workers);
  RunSessions(
      ranks,
      [&](Session& session) {
        SmallTraining part = MakeWorkers(session, training);
        Load(saved, session.rank(), part);
        Steps(steps_done + 1, kSteps)(part);
        for (int w = 0; w < part.worker_count(); ++w) {
          states[session.rank() * part.worker_count() + w] = part.StateOf(w);
        }
      },
      TreeConfig());
  return states;
}

std::vector<WorkersTraining> Trainings() {
  std::vector<WorkersTraining> trainings;
  for (const std::string_view name : AlgorithmNames()) {
    for (const MomentumAtAverage momentum :
         {MomentumAtAverage::kKeep, MomentumAtAverage::kReset, MomentumAtAverage::kAverage}) {
      const AlgorithmOptions options{kWindow, kSwitch, momentum};
      trainings.push_back({name, 4, options});
      trainings.push_back({name, 4, options, {.classic_form = true}});
    }
    trainings.push_back({name, 4, {kWindow, kSwitch}, {.decay_norm = false}});
  }
  return trainings;
}

std::string Label(const WorkersTraining& training, std::int64_t steps) {
  return StrCat(training.algorithm, ", momenta ", static_cast<int>(training.options.momentum),
                training.settings.classic_form ? ", classic" : "", ", resumed after ", steps);
}

void ExpectResumes(const WorkersTraining& training, const std::vector<std::int64_t>& after,
                   int saving_ranks, const std::vector<int>& resuming_ranks) {
  const auto expected = TrainWorkers(training, saving_ranks, Steps(1, kSteps));
  for (const std::int64_t steps : after) {
    const Saved saved = TrainAndSave(training, saving_ranks, steps);
    for (const int ranks : resuming_ranks) {
      EXPECT_TRUE(SameBits(Resume(training, ranks, saved, steps), expected))
          << Label(training, steps) << " on " << ranks << " ranks";
    }
  }
}

TEST(TrapCheckpointThatDropsLocalState, ResumesBitForBitAfterEveryStep) {
  std::vector<std::int64_t> all(kSteps);
  std::iota(all.begin(), all.end(), 0);
  ExpectResumes({"slowmo", 4, {kWindow, kSwitch}}, all, 2, {2});
  ExpectResumes({"slowmo", 4, {kWindow, kSwitch}, {.classic_form = true}}, all, 2, {2});
}

TEST(TrapCheckpointThatDropsLocalState, ResumesBitForBitWithEveryAlgorithmAndOption) {
  for (const WorkersTraining& training : Trainings()) {
    ExpectResumes(training, {kSwitch - 2, kSwitch, kSwitch + 2}, 2, {2});
  }
}

TEST(TrapCheckpointThatDropsLocalState, ResumesBitForBitOnOtherNumbersOfRanks) {
  for (const WorkersTraining& training : Trainings()) {
    ExpectResumes(training, {kSwitch + kWindow + 2}, 2, {1, 4});
  }
}

// The test must see each part that a careless checkpoint would leave out.
TEST(TrapCheckpointThatDropsLocalState, EachPartOfTheStateMatters) {
  const WorkersTraining training{"slowmo", 4, {kWindow, kSwitch}, {.classic_form = true}};
  constexpr std::int64_t kMidWindow = kSwitch + kWindow + 2;
  const auto expected = TrainWorkers(training, 2, Steps(1, kSteps));
  const Saved saved = TrainAndSave(training, 2, kMidWindow);
  const auto differs_with = [&](const auto& damage) {
    Saved damaged = saved;
    damage(damaged);
    return !SameBits(Resume(training, 2, damaged, kMidWindow), expected);
  };
  EXPECT_FALSE(differs_with([](Saved&) {}));
  EXPECT_TRUE(differs_with([](Saved& s) { s.workers[3].weights = s.workers[0].weights; }));
  EXPECT_TRUE(differs_with([](Saved& s) { s.workers[3].momentum = s.workers[0].momentum; }));
  EXPECT_TRUE(differs_with([](Saved& s) { s.workers[3].statistics = s.workers[0].statistics; }));
  EXPECT_TRUE(differs_with([](Saved& s) { s.workers[3].batches_tracked = 0; }));
  EXPECT_TRUE(differs_with([](Saved& s) { s.shared[0] = at::zeros_like(s.shared[0]); }));
  EXPECT_TRUE(differs_with([](Saved& s) { s.shared[1] = at::zeros_like(s.shared[1]); }));
  EXPECT_TRUE(differs_with([](Saved& s) { s.previous_learning_rates = {0.0}; }));
}

}  // namespace
}  // namespace ronde
