#include "frontends/resnet/checkpoint/checkpointer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "frontends/resnet/checkpoint/worker_state.h"
#include "tests/frontends/resnet/checkpoint/checkpoint_files.h"
#include "tests/frontends/torch/run_sessions.h"

namespace ronde {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int kWorkers = 4;
constexpr std::int64_t kSwitchStep = 2;
constexpr int kPixels = 8;

TrainOptions Options(const std::string& algorithm) {
  TrainOptions options;
  options.algorithm = algorithm;
  options.model = "resnet8";
  options.width = 2;
  options.workers = kWorkers;
  options.local_steps = 3;
  options.weight_decay_bn = false;  // two parameter groups
  return options;
}

DatasetTraits Traits() {
  DatasetTraits traits;
  traits.channels = 3;
  traits.classes = 5;
  return traits;
}

Replica MakeReplica(Session& session, const TrainOptions& options) {
  return {session, options, Traits(), options.algorithm == "local" ? 0 : kSwitchStep};
}

// Values that differ by step and worker.
at::Tensor Images(std::int64_t step, int worker) {
  const at::Tensor index = at::arange(2 * 3 * kPixels * kPixels, at::kFloat);
  return at::sin(index * 0.37 + static_cast<double>(step) + 10.0 * worker)
      .reshape({2, 3, kPixels, kPixels});
}

void Train(Replica& replica, std::int64_t first, std::int64_t last) {
  for (std::int64_t step = first; step <= last; ++step) {
    const double rate = 0.1 / static_cast<double>(step);
    replica.SetLearningRate(rate);
    replica.algorithm().BeginStep(step);
    for (int worker = 0; worker < replica.workers().count(); ++worker) {
      if (worker > 0) replica.algorithm().NextWorker(step);
      replica.optimizer().zero_grad();
      const at::Tensor logits =
          replica.model()->forward(Images(step, replica.first_worker() + worker));
      torch::cross_entropy_loss(logits, at::tensor({worker, 3}, at::kLong)).backward();
    }
    static_cast<void>(replica.algorithm().FinishStep(step, rate));
  }
}

// Copies of all that this rank's workers have, and of the shared state.
NamedTensors Everything(Replica& replica) {
  NamedTensors all;
  for (int worker = 0; worker < replica.workers().count(); ++worker) {
    replica.workers().Activate(worker);
    for (const auto& [name, tensor] : WorkerState(*replica.model(), replica.optimizer())) {
      all.emplace_back(StrCat(worker, ":", name), tensor.clone());
    }
  }
  replica.workers().Activate(0);
  for (const auto& [name, tensor] : replica.algorithm().State()) {
    all.emplace_back(name, tensor.clone());
  }
  return all;
}

void ExpectSame(const NamedTensors& mine, const NamedTensors& expected) {
  ASSERT_EQ(mine.size(), expected.size());
  for (std::size_t i = 0; i < mine.size(); ++i) {
    EXPECT_EQ(mine[i].first, expected[i].first);
    EXPECT_TRUE(at::equal(mine[i].second, expected[i].second)) << mine[i].first;
    EXPECT_EQ(mine[i].second.strides(), expected[i].second.strides()) << mine[i].first;
  }
}

Manifest At(std::int64_t step) {
  Manifest manifest;
  manifest.step = step;
  manifest.step_in_epoch = step;
  manifest.trajectory = {{"--seed", "1"}};
  manifest.running = RunningEpoch();
  return manifest;
}

Status SaveAt(Checkpointer& checkpointer, Replica& replica, std::int64_t step) {
  Manifest manifest = At(step);
  for (int worker = 0; worker < replica.workers().count(); ++worker) {
    manifest.running->workers.push_back({1.0 + replica.first_worker() + worker, 0, 0});
  }
  manifest.running->divergence_sums = {1.0 + replica.first_worker()};
  return checkpointer.Save(std::move(manifest));
}

ResumePoint PointIn(const std::string& folder) { return {folder, ReadManifest(folder).value()}; }

class Resume : public ::testing::TestWithParam<std::tuple<std::string, std::string>> {
 protected:
  TrainOptions MakeOptions() const {
    TrainOptions options = Options(std::get<0>(GetParam()));
    options.momentum_form = std::get<1>(GetParam());
    return options;
  }
};

TEST_P(Resume, InMidWindowEqualsTheUninterruptedRun) {
  for (const std::int64_t step : {1, 2, 4, 5}) {
    const TemporaryFolder folder;
    RunSessions(2, [&](Session& session) {
      Replica whole = MakeReplica(session, MakeOptions());
      Checkpointer checkpointer(session, whole, {folder.path()}, {});
      Train(whole, 1, step);
      const NamedTensors saved = Everything(whole);
      ThrowIfError(SaveAt(checkpointer, whole, step));
      ExpectSame(Everything(whole), saved);
      Train(whole, step + 1, 9);

      Replica resumed = MakeReplica(session, MakeOptions());
      ThrowIfError(Restore(PointIn(checkpointer.PathOf(step)), resumed));
      ExpectSame(Everything(resumed), saved);
      Train(resumed, step + 1, 9);
      ExpectSame(Everything(resumed), Everything(whole));
    });
  }
}

INSTANTIATE_TEST_SUITE_P(Algorithms, Resume,
                         ::testing::Combine(::testing::Values("minibatch", "local", "post-local",
                                                              "slowmo"),
                                            ::testing::Values("torch", "classic")));

TEST(Checkpointer, GathersTheFiguresOfAllWorkers) {
  const TemporaryFolder folder;
  RunSessions(2, [&](Session& session) {
    Replica replica = MakeReplica(session, Options("slowmo"));
    Checkpointer checkpointer(session, replica, {folder.path()}, {});
    Train(replica, 1, 1);
    ThrowIfError(SaveAt(checkpointer, replica, 1));
  });
  const Manifest manifest = ReadManifest(folder.path() + "/step-000000001").value();
  EXPECT_EQ(manifest.workers, kWorkers);
  EXPECT_EQ(manifest.ranks, 2);
  ASSERT_EQ(manifest.running->workers.size(), 4U);
  for (int worker = 0; worker < kWorkers; ++worker) {
    EXPECT_EQ(manifest.running->workers[static_cast<std::size_t>(worker)].loss, 1.0 + worker);
  }
  EXPECT_EQ(manifest.running->divergence_sums, std::vector<double>({1.0 + 3.0}));
  EXPECT_EQ(manifest.files.back().name, kSharedFileName);
  for (const CheckpointFile& file : manifest.files) {
    EXPECT_TRUE(VerifyFile(folder.path() + "/step-000000001", file).ok()) << file.name;
  }
}

TEST(Checkpointer, AnotherNumberOfRanksReadsIt) {
  const TemporaryFolder folder;
  std::vector<NamedTensors> written(2);
  RunSessions(2, [&](Session& session) {
    Replica replica = MakeReplica(session, Options("local"));
    Checkpointer checkpointer(session, replica, {folder.path()}, {});
    Train(replica, 1, 2);
    ThrowIfError(SaveAt(checkpointer, replica, 2));
    written[static_cast<std::size_t>(session.rank())] = Everything(replica);
  });
  RunSessions(4, [&](Session& session) {
    Replica replica = MakeReplica(session, Options("local"));
    ThrowIfError(Restore(PointIn(folder.path() + "/step-000000002"), replica));
    const NamedTensors mine = Everything(replica);
    const NamedTensors& pair = written[static_cast<std::size_t>(session.rank() / 2)];
    const std::size_t first = session.rank() % 2 == 0 ? 0 : mine.size();
    for (std::size_t i = 0; i < mine.size(); ++i) {
      EXPECT_TRUE(at::equal(mine[i].second, pair[first + i].second)) << pair[first + i].first;
    }
  });
}

TEST(Checkpointer, AFailureChangesNothingAndIsTheSameOnAllRanks) {
  const TemporaryFolder folder;
  RunSessions(2, [&](Session& session) {
    Replica replica = MakeReplica(session, Options("local"));
    Checkpointer checkpointer(session, replica, {folder.path()}, {});
    Train(replica, 1, 1);
    ThrowIfError(SaveAt(checkpointer, replica, 1));
    Checkpointer nowhere(session, replica, {"/proc/none"}, {});
    const Status status = SaveAt(nowhere, replica, 2);
    EXPECT_EQ(status.code(), StatusCode::kUnavailable);
    EXPECT_THAT(status.message(), HasSubstr("/proc/none"));
    Train(replica, 2, 3);
    ThrowIfError(SaveAt(checkpointer, replica, 3));
  });
  EXPECT_THAT(ListCheckpoints(folder.path()), ElementsAre(3, 1));
}

TEST(Checkpointer, FilesOfAnotherModelAreRefused) {
  const TemporaryFolder folder;
  RunSessions(1, [&](Session& session) {
    TrainOptions options = Options("local");
    options.workers = 1;
    Replica replica = MakeReplica(session, options);
    Checkpointer checkpointer(session, replica, {folder.path()}, {});
    ThrowIfError(SaveAt(checkpointer, replica, 1));
    options.width = 4;
    Replica wider = MakeReplica(session, options);
    const Status status = Restore(PointIn(checkpointer.PathOf(1)), wider);
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    EXPECT_THAT(status.message(), HasSubstr("worker-0000.safetensors: tensor 'weights.conv1"));
  });
}

}  // namespace
}  // namespace ronde
