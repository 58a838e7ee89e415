#include "bench/collectives/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/device/device_list.h"

namespace ronde::bench {
namespace {

ParsedOptions Parse(std::vector<std::string> arguments, std::string* error = nullptr) {
  arguments.insert(arguments.begin(), "ronde-bench");
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  Config config;
  testing::internal::CaptureStderr();
  ParsedOptions parsed = ParseBenchOptions(static_cast<int>(argv.size()), argv.data(), config);
  const std::string text = testing::internal::GetCapturedStderr();
  if (error != nullptr) *error = text;
  return parsed;
}

TEST(BenchOptions, ReadNcclTestsLetters) {
  const ParsedOptions parsed =
      Parse({"allreduce", "-b", "1K", "-e", "16M", "-f", "2", "-n", "50", "-w", "3", "-d",
             "half,double", "-o", "avg", "-c", "0", "--buffers", "registered"});
  ASSERT_FALSE(parsed.exit_code.has_value());
  EXPECT_EQ(parsed.options.min_bytes, 1024);
  EXPECT_EQ(parsed.options.max_bytes, 16 << 20);
  EXPECT_EQ(parsed.options.step_factor, 2);
  EXPECT_EQ(parsed.options.iterations, 50);
  EXPECT_EQ(parsed.options.warmup_iterations, 3);
  EXPECT_THAT(parsed.options.dtypes, testing::ElementsAre(DataType::kFloat16, DataType::kFloat64));
  EXPECT_THAT(parsed.options.ops, testing::ElementsAre(ReduceOp::kAverage));
  EXPECT_EQ(parsed.options.check_calls, 0);
  EXPECT_TRUE(parsed.options.registered_buffers);
}

TEST(BenchOptions, ReadEveryCollective) {
  for (const std::string_view name : CollectiveNames()) {
    const ParsedOptions parsed = Parse({std::string(name)});
    ASSERT_FALSE(parsed.exit_code.has_value()) << name;
    EXPECT_EQ(Name(parsed.options.collective), name);
  }
}

TEST(BenchOptions, ReadWhatIsNewHere) {
  const ParsedOptions parsed = Parse({"broadcast", "-r", "1", "-i", "1K", "-c", "3", "--cache",
                                      "cold", "--consume", "--style", "osu"});
  ASSERT_FALSE(parsed.exit_code.has_value());
  EXPECT_EQ(parsed.options.root, 1);
  EXPECT_EQ(parsed.options.step_bytes, 1024);
  EXPECT_EQ(parsed.options.check_calls, 3);
  EXPECT_TRUE(parsed.options.rules.cold);
  EXPECT_TRUE(parsed.options.rules.consume);
  EXPECT_EQ(parsed.options.style, Style::kOsu);
}

TEST(BenchOptions, AllMeansEveryTypeAndEveryElementwiseOperator) {
  const ParsedOptions parsed = Parse({"allreduce", "-d", "all", "-o", "all"});
  ASSERT_FALSE(parsed.exit_code.has_value());
  EXPECT_EQ(parsed.options.dtypes.size(), static_cast<std::size_t>(kDataTypeCount));
  EXPECT_EQ(parsed.options.ops.size(), 5u);
}

TEST(BenchOptions, SizesGrowByTheStepWhereOneIsGiven) {
  BenchOptions options;
  options.min_bytes = 4;
  options.max_bytes = 100;
  options.step_bytes = 32;
  EXPECT_THAT(SizesOf(options), testing::ElementsAre(4, 36, 68, 100));
}

TEST(BenchOptions, CalibrateNamesAFileByItself) {
  EXPECT_EQ(Parse({"allreduce"}).options.calibrate, std::nullopt);
  EXPECT_EQ(Parse({"--calibrate"}).options.calibrate, "ronde_tuning.json");
  EXPECT_EQ(Parse({"--calibrate", "x.json"}).options.calibrate, "x.json");
  EXPECT_EQ(Parse({"allreduce", "--calibrate", "x.json"}).options.calibrate, "x.json");
}

TEST(BenchOptions, SizesGrowByTheFactorUpToTheMaximum) {
  BenchOptions options;
  options.min_bytes = 4;
  options.max_bytes = 100;
  options.step_factor = 4;
  EXPECT_THAT(SizesOf(options), testing::ElementsAre(4, 16, 64));
}

TEST(BenchOptions, JsonGoesToStdoutUnlessAFileIsNamed) {
  EXPECT_EQ(Parse({"allreduce"}).options.json, std::nullopt);
  EXPECT_EQ(Parse({"allreduce", "--json"}).options.json, "-");
  EXPECT_EQ(Parse({"allreduce", "--json", "x.jsonl"}).options.json, "x.jsonl");
}

TEST(BenchOptions, ReadGradients) {
  const ParsedOptions parsed = Parse({"gradients", "--model", "resnet18", "--bucket-size-bytes",
                                      "4M", "--fusion-thresholds", "256K,1M"});
  ASSERT_FALSE(parsed.exit_code.has_value());
  ASSERT_TRUE(parsed.options.gradients.has_value());
  EXPECT_EQ(parsed.options.gradients->model, "resnet18");
  EXPECT_EQ(parsed.options.gradients->bucket_size_bytes, 4 << 20);
  EXPECT_THAT(parsed.options.gradients->fusion_thresholds,
              testing::ElementsAre(256 << 10, 1 << 20));
  EXPECT_THAT(parsed.options.ops, testing::ElementsAre(ReduceOp::kAverage));
  EXPECT_FALSE(Parse({"allreduce"}).options.gradients.has_value());
}

TEST(BenchOptions, ReadNegotiate) {
  const ParsedOptions parsed =
      Parse({"negotiate", "--tensors", "1,161", "--ranks", "2,64", "--modes", "locked,cached",
             "--order", "random", "--iterations", "7", "-w", "2"});
  ASSERT_FALSE(parsed.exit_code.has_value());
  ASSERT_TRUE(parsed.options.negotiate.has_value());
  const NegotiateOptions& negotiate = *parsed.options.negotiate;
  EXPECT_THAT(negotiate.tensors, testing::ElementsAre(1, 161));
  EXPECT_THAT(negotiate.ranks, testing::ElementsAre(2, 64));
  EXPECT_TRUE(negotiate.ranks_given);
  EXPECT_THAT(negotiate.modes, testing::ElementsAre(ControlMode::kLocked, ControlMode::kCached));
  EXPECT_EQ(negotiate.order, SubmitOrder::kRandom);
  EXPECT_EQ(negotiate.cycles, 7);
  EXPECT_EQ(negotiate.warmup_cycles, 2);
  EXPECT_FALSE(Parse({"negotiate"}).options.negotiate->ranks_given);
  EXPECT_FALSE(Parse({"allreduce"}).options.negotiate.has_value());
}

TEST(BenchOptions, ReadIdleAndNegotiation) {
  const ParsedOptions idle = Parse({"idle", "--seconds", "2.5"});
  ASSERT_FALSE(idle.exit_code.has_value());
  ASSERT_TRUE(idle.options.idle.has_value());
  EXPECT_EQ(idle.options.idle->seconds, 2.5);
  const ParsedOptions negotiation = Parse({"gradients", "--negotiation", "--model", "64x256K"});
  ASSERT_FALSE(negotiation.exit_code.has_value());
  EXPECT_TRUE(negotiation.options.gradients->negotiation);
  EXPECT_FALSE(Parse({"gradients"}).options.gradients->negotiation);
}

TEST(BenchOptions, ReadDevicesAndRanksAsThreads) {
  EXPECT_EQ(Parse({"allreduce"}).options.device, DeviceChoice::kCpu);
  EXPECT_FALSE(Parse({"allreduce"}).options.rules.on_device);
  const ParsedOptions parsed = Parse({"alltoall", "--device", "simulated", "--ranks", "3", "--path",
                                      "engine", "--buffers", "registered"});
  ASSERT_FALSE(parsed.exit_code.has_value());
  EXPECT_EQ(parsed.options.device, DeviceChoice::kSimulated);
  EXPECT_EQ(parsed.options.thread_ranks, 3);
  EXPECT_TRUE(parsed.options.rules.on_device);
  EXPECT_EQ(Parse({"--calibrate", "--device", "simulated", "--ranks", "2"}).options.calibrate,
            "ronde_tuning.json");
}

TEST(BenchOptions, CudaIsThereOrItsAbsenceIsSaid) {
  std::string error;
  const ParsedOptions parsed = Parse({"allreduce", "--device", "cuda"}, &error);
  if (BuiltWithCuda()) {
    EXPECT_FALSE(parsed.exit_code.has_value()) << error;
    return;
  }
  EXPECT_EQ(parsed.exit_code, 2);
  EXPECT_THAT(error, testing::HasSubstr("--device cuda: this build has no CUDA support"));
}

struct BadInput {
  std::vector<std::string> arguments;
  std::string names;  // what the message must mention
};

TEST(BenchOptions, BadInputIsOneLineThatNamesIt) {
  const std::vector<BadInput> cases = {
      {{"allreduce", "-b", "64", "-e", "4"}, "-b 64"},
      {{"allreduce", "-b", "x"}, "'x'"},
      {{"allreduce", "-d", "complex"}, "'complex'"},
      {{"allreduce", "-o", "xor"}, "'xor'"},
      {{"allreduce", "-n", "0"}, "0"},
      {{"allreduce", "--peers", "nobody"}, "'nobody'"},
      {{"allreduce", "--no-such-flag"}, "--no-such-flag"},
      {{"nothing"}, "nothing"},
      {{"allgather", "-o", "sum"}, "-o"},
      {{"reducescatter", "-o", "adasum"}, "adasum"},
      {{"allreduce", "-r", "0"}, "-r"},
      {{"allreduce", "-i", "4", "-f", "2"}, "-i"},
      {{"allreduce", "-i", "0"}, "-i 0"},
      {{"allreduce", "--cache", "hot"}, "hot"},
      {{"allreduce", "--style", "mine"}, "mine"},
      {{"allreduce", "-c", "-1"}, "-1"},
      {{"sendrecv", "--path", "engine"}, "--path engine"},
      {{"--calibrate", "allreduce"}, "allreduce"},
      {{"allgather", "--calibrate"}, "--calibrate: measures allreduce; leave `allgather` out"},
      {{"gradients", "--calibrate"}, "--calibrate: measures allreduce; leave `gradients` out"},
      {{"idle", "--calibrate"}, "--calibrate"},
      {{"--calibrate", "-b", "4"}, "-b: means nothing for `--calibrate`"},
      {{"--calibrate", "--peers", "mpi"}, "--peers: means nothing for `--calibrate`"},
      {{"--calibrate", "--json", "rows"}, "--json: means nothing for `--calibrate`"},
      {{"--calibrate", "-n", "5"}, "-n: means nothing for `--calibrate`"},
      {{"--json", "allreduce"}, "allreduce"},
      {{"--json", "gradients"}, "gradients"},
      {{"gradients", "-b", "4"}, "-b"},
      {{"gradients", "--buffers", "registered"}, "--buffers"},
      {{"gradients", "-o", "adasum"}, "adasum"},
      {{"gradients", "--bucket-size-bytes", "0"}, "--bucket-size-bytes 0"},
      {{"gradients", "--fusion-thresholds", "1M,x"}, "'x'"},
      {{"allreduce", "--model", "resnet50"}, "--model"},
      {{"allgather", "--bounds"}, "--bounds"},
      {{"allreduce", "--tensors", "1"}, "--tensors: means nothing without `negotiate`"},
      {{"negotiate", "-b", "4"}, "-b: means nothing for `negotiate`"},
      {{"negotiate", "--tensors", "1,x"}, "'x'"},
      {{"negotiate", "--tensors", ""}, "--tensors"},
      {{"negotiate", "--ranks", "0"}, "--ranks 0"},
      {{"negotiate", "--modes", "free"}, "'free'"},
      {{"negotiate", "--order", "none"}, "none"},
      {{"idle", "-n", "5"}, "-n"},
      {{"idle", "--seconds", "0"}, "--seconds"},
      {{"gradients", "--negotiation", "--peers", "mpi"}, "--peers: means nothing for `gradients"},
      {{"--json", "negotiate"}, "negotiate"},
      {{"allreduce", "--timeout-s", "soon"}, "--timeout-s"},
      {{"allreduce", "--device", "gpu"}, "gpu"},
      {{"allreduce", "--ranks", "2"}, "--ranks: on --device cpu"},
      {{"allreduce", "--device", "simulated", "--ranks", "2,4"}, "--ranks 2,4"},
      {{"allreduce", "--device", "simulated", "--ranks", "0"}, "--ranks 0"},
      {{"allreduce", "--device", "simulated", "--cache", "cold"}, "--cache cold"},
      {{"allreduce", "--device", "simulated", "--consume"}, "--consume"},
      {{"allreduce", "--device", "simulated", "--bounds"}, "--bounds"},
      {{"allreduce", "--device", "simulated", "-o", "adasum"}, "--path engine"},
      {{"allreduce", "--device", "simulated", "--peers", "nccl"}, "'nccl' needs a GPU"},
      {{"allreduce", "--peers", "nccl"}, "'nccl' works on device memory"},
      {{"sendrecv", "--device", "simulated"}, "sendrecv"},
      {{"gradients", "--device", "simulated"}, "--device: means nothing for `gradients`"},
      {{"idle", "--device", "cuda"}, "--device: means nothing for `idle`"},
  };
  for (const BadInput& bad : cases) {
    std::string error;
    EXPECT_EQ(Parse(bad.arguments, &error).exit_code, 2) << bad.names;
    EXPECT_THAT(error, testing::HasSubstr(bad.names));
    EXPECT_EQ(std::count(error.begin(), error.end(), '\n'), 1) << error;
  }
}

}  // namespace
}  // namespace ronde::bench
