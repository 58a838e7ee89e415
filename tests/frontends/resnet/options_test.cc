#include "frontends/resnet/options.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/device/device_list.h"
#include "frontends/resnet/option_rules.h"

namespace ronde {
namespace {

using testing::AllOf;
using testing::HasSubstr;

const std::vector<AlgorithmFlags> kAlgorithms = {{"minibatch"},
                                                 {"local", true, false, true},
                                                 {"post-local", true, true, true},
                                                 {"slowmo", true, true, true, true}};

std::variant<TrainOptions, int> Parse(std::vector<std::string> words) {
  words.insert(words.begin(), "ronde-train");
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  return ParseTrainOptions(static_cast<int>(argv.size()), argv.data(), kAlgorithms);
}

TrainOptions Accepted(const std::vector<std::string>& words) {
  const auto parsed = Parse(words);
  EXPECT_TRUE(std::holds_alternative<TrainOptions>(parsed));
  return std::get<TrainOptions>(parsed);
}

// The one line on stderr of a command line that is refused with exit code 2.
std::string Refused(const std::vector<std::string>& words) {
  testing::internal::CaptureStderr();
  const auto parsed = Parse(words);
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_TRUE(std::holds_alternative<int>(parsed) && std::get<int>(parsed) == 2) << said;
  EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 1) << said;
  return said;
}

TEST(TrainOptions, DefaultsAreTheContract) {
  const TrainOptions options = Accepted({});
  EXPECT_EQ(options.algorithm, "minibatch");
  EXPECT_EQ(options.batch_size, 32);
  EXPECT_EQ(options.local_batch_size, 32);
  EXPECT_EQ(options.local_steps, 4);
  EXPECT_EQ(options.milestones, (std::vector<int>{30, 60, 80}));
  EXPECT_EQ(options.warmup_epochs, 5);
  EXPECT_EQ(options.reference_lr, 0.1);
  EXPECT_EQ(options.momentum, 0.9);
  EXPECT_EQ(options.weight_decay, 1e-4);
  EXPECT_EQ(options.slow_momentum, 0.5);
  EXPECT_EQ(options.slow_lr, 1);
  EXPECT_EQ(options.momentum_at_average, "keep");
  EXPECT_EQ(options.bn_at_evaluation, "average");
  EXPECT_EQ(options.precision, "fp32");
  EXPECT_EQ(options.workers, 0);
  EXPECT_EQ(options.momentum_form, "torch");
  EXPECT_EQ(options.accumulation_steps, 1);
  EXPECT_EQ(options.grad_clip_norm, 0);
  EXPECT_FALSE(options.deterministic);
  EXPECT_EQ(options.config.GetText(Setting::kReproducible), "on");
}

TEST(TrainOptions, SwitchesAtTheFirstMilestoneUnlessTold) {
  EXPECT_EQ(Accepted({"--algorithm", "post-local"}).switch_epoch, 30);
  EXPECT_EQ(Accepted({"--algorithm", "slowmo", "--epochs", "8"}).switch_epoch, 8);
  EXPECT_EQ(Accepted({"--algorithm", "slowmo", "--milestones", "3,6"}).switch_epoch, 3);
  EXPECT_EQ(Accepted({"--algorithm", "post-local", "--switch-epoch", "0"}).switch_epoch, 0);
  EXPECT_EQ(Accepted({"--algorithm", "local"}).switch_epoch, 0);
  EXPECT_EQ(Accepted({"--epochs", "7"}).switch_epoch, 7);
}

TEST(TrainOptions, EngineSettingsAreFlagsToo) {
  const TrainOptions options = Accepted({"--timeout-s", "7", "--reproducible", "off"});
  EXPECT_EQ(options.config.GetReal(Setting::kTimeoutS), 7);
  EXPECT_EQ(options.config.GetText(Setting::kReproducible), "off");
  // Nobody has to say both: compression gives the fixed order up.
  const TrainOptions compressed = Accepted({"--wire-compression", "int8"});
  EXPECT_EQ(compressed.config.GetText(Setting::kReproducible), "off");
}

TEST(TrainOptions, DeterministicSumsInATreeOnOneThread) {
  const TrainOptions options = Accepted({"--deterministic"});
  EXPECT_TRUE(options.deterministic);
  EXPECT_EQ(options.config.GetText(Setting::kReproducible), "tree");
  EXPECT_EQ(options.threads, 1);
  EXPECT_EQ(Accepted({"--deterministic", "--threads", "3"}).threads, 3);
  EXPECT_EQ(Accepted({"--deterministic", "--reproducible", "tree"}).threads, 1);
  EXPECT_EQ(Accepted({}).threads, 0);
  for (const char* contradiction : {"on", "off"}) {
    EXPECT_THAT(Refused({"--deterministic", "--reproducible", contradiction}),
                AllOf(HasSubstr("--reproducible"), HasSubstr("--deterministic")));
  }
}

TEST(TrainOptions, WorkersAreOnePerRankUnlessGiven) {
  TrainOptions options = Accepted({});
  EXPECT_TRUE(CompleteForRanks(options, 3).ok());
  EXPECT_EQ(options.workers, 3);
  options = Accepted({"--workers", "6"});
  EXPECT_TRUE(CompleteForRanks(options, 3).ok());
  EXPECT_EQ(options.workers, 6);
}

TEST(TrainOptions, WorkersMustDivideAmongTheRanks) {
  TrainOptions options = Accepted({"--workers", "5"});
  EXPECT_THAT(CompleteForRanks(options, 3).message(),
              AllOf(HasSubstr("3 ranks, got 5"), HasSubstr("use 6")));
  EXPECT_THAT(CompleteForRanks(options, 8).message(), HasSubstr("use 8"));
  EXPECT_TRUE(CompleteForRanks(options, 5).ok());
  EXPECT_TRUE(CompleteForRanks(options, 1).ok());
}

TEST(TrainOptions, DeterministicNeedsAPowerOfTwoPerRankOrOneRank) {
  TrainOptions options = Accepted({"--workers", "6", "--deterministic"});
  EXPECT_TRUE(CompleteForRanks(options, 1).ok());
  EXPECT_THAT(CompleteForRanks(options, 2).message(), HasSubstr("got 3"));
  EXPECT_TRUE(CompleteForRanks(options, 3).ok());
  EXPECT_TRUE(CompleteForRanks(options, 6).ok());
}

TEST(TrainOptions, RefusesFlagsWithoutMeaningForTheAlgorithm) {
  EXPECT_THAT(Refused({"--algorithm", "minibatch", "--local-steps", "4"}),
              AllOf(HasSubstr("--local-steps has no meaning for --algorithm minibatch"),
                    HasSubstr("slowmo")));
  const std::vector<std::pair<std::string, std::string>> local_only = {
      {"--switch-epoch", "1"},
      {"--momentum-at-average", "keep"},
      {"--local-learning-rate-scale", "2"},
      {"--local-batch-size", "4"},
      {"--slow-momentum", "0.1"},
      {"--slow-lr", "1"}};
  for (const auto& [flag, value] : local_only) {
    EXPECT_THAT(Refused({flag, value}), HasSubstr(flag + " has no meaning for"));
  }
  EXPECT_THAT(Refused({"--algorithm", "local", "--switch-epoch", "1"}),
              HasSubstr("--switch-epoch has no meaning for --algorithm local"));
  EXPECT_THAT(Refused({"--algorithm", "post-local", "--slow-lr", "1"}),
              HasSubstr("--slow-lr has no meaning for --algorithm post-local"));
}

TEST(TrainOptions, RefusesFlagsWithoutMeaningForModelDataOrSchedule) {
  EXPECT_THAT(Refused({"--model", "resnet50", "--width", "8"}), HasSubstr("--model resnet50"));
  EXPECT_THAT(Refused({"--dataset", "synthetic", "--data-dir", "x"}),
              HasSubstr("--dataset synthetic"));
  EXPECT_THAT(Refused({"--dataset", "cifar10", "--data-dir", "x", "--image-size", "32"}),
              HasSubstr("--image-size has no meaning for --dataset cifar10"));
  EXPECT_THAT(Refused({"--momentum", "0", "--momentum-form", "classic"}),
              HasSubstr("--momentum 0"));
  EXPECT_THAT(Refused({"--schedule", "cosine", "--milestones", "3"}),
              HasSubstr("--schedule cosine"));
}

TEST(TrainOptions, OnlyFashionMnistHasAFolderByDefault) {
  EXPECT_THAT(Accepted({}).data_dir, HasSubstr("fashion-mnist"));
  EXPECT_EQ(Accepted({"--dataset", "synthetic"}).data_dir, "");
  for (const char* dataset : {"cifar10", "cifar100", "imagefolder"}) {
    EXPECT_THAT(Refused({"--dataset", dataset}),
                AllOf(HasSubstr(dataset), HasSubstr("--data-dir")));
    EXPECT_EQ(Accepted({"--dataset", dataset, "--data-dir", "x"}).data_dir, "x");
  }
  EXPECT_EQ(Accepted({"--dataset", "imagefolder", "--data-dir", "x"}).image_size, 32);
}

TEST(TrainOptions, RefusesSwitchEpochsPastTheEnd) {
  EXPECT_THAT(Refused({"--algorithm", "post-local", "--epochs", "8", "--switch-epoch", "9"}),
              AllOf(HasSubstr("--switch-epoch: 9"), HasSubstr("--epochs 8")));
  EXPECT_EQ(
      Accepted({"--algorithm", "post-local", "--epochs", "8", "--switch-epoch", "8"}).switch_epoch,
      8);
}

TEST(TrainOptions, RefusesBadValuesAndNamesThem) {
  const std::vector<std::pair<std::string, std::string>> bad = {
      {"--local-steps", "0"},      {"--local-steps", "-1"},
      {"--local-steps", "four"},   {"--epochs", "0"},
      {"--batch-size", "1.5"},     {"--momentum", "1"},
      {"--reference-lr", "0"},     {"--reference-lr", "nan"},
      {"--slow-momentum", "1"},    {"--slow-lr", "0"},
      {"--algorithm", "hogwild"},  {"--model", "resnet152"},
      {"--dataset", "imagenet"},   {"--schedule", "linear"},
      {"--milestones", "30,20"},   {"--milestones", "x"},
      {"--device", "tpu"},         {"--progress", "loud"},
      {"--weight-decay-bn", "no"}, {"--threads", "0"},
      {"--timeout-s", "soon"},     {"--precision", "fp16"},
      {"--image-size", "7"},       {"--workers", "0"},
      {"--momentum-form", "nag"},  {"--accumulation-steps", "0"},
      {"--grad-clip-norm", "-1"}};
  for (const auto& [flag, value] : bad) {
    EXPECT_THAT(Refused({flag, value}), AllOf(HasSubstr(flag), HasSubstr(value)));
  }
}

TEST(TrainOptions, TheLastOfTwoValuesCounts) {
  EXPECT_EQ(Accepted({"--epochs", "3", "--epochs", "4"}).epochs, 4);
}

TEST(TrainOptions, RefusesUnknownFlags) {
  EXPECT_THAT(Refused({"--local-step", "4"}), HasSubstr("--local-step"));
}

TEST(TrainOptions, TakesAGpuWhereTheBuildHasCuda) {
  EXPECT_EQ(Accepted({}).device, "cpu");
  if (BuiltWithCuda()) {
    EXPECT_EQ(Accepted({"--device", "cuda"}).device, "cuda");
    EXPECT_TRUE(Accepted({"--device", "cuda", "--tf32", "on"}).tf32);
    EXPECT_THAT(Refused({"--device", "cuda", "--compute-time-ms", "5"}),
                AllOf(HasSubstr("--device"), HasSubstr("--compute-time-ms")));
  } else {
    EXPECT_THAT(Refused({"--device", "cuda"}), HasSubstr("--device cuda: this build has no CUDA"));
  }
  EXPECT_THAT(Refused({"--tf32", "on"}), AllOf(HasSubstr("--tf32"), HasSubstr("--device cpu")));
}

TEST(TrainOptions, HelpAndVersionEndWithSuccess) {
  testing::internal::CaptureStdout();
  EXPECT_EQ(std::get<int>(Parse({"--help"})), 0);
  const std::string help = testing::internal::GetCapturedStdout();
  for (const char* flag : {"--algorithm", "--switch-epoch", "--plot", "--timeout-s", "--width"}) {
    EXPECT_THAT(help, HasSubstr(flag));
  }
  testing::internal::CaptureStdout();
  EXPECT_EQ(std::get<int>(Parse({"--version"})), 0);
  EXPECT_THAT(testing::internal::GetCapturedStdout(), HasSubstr("ronde-train 0."));
}

}  // namespace
}  // namespace ronde
