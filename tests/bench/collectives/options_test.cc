#include "bench/collectives/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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
  EXPECT_FALSE(parsed.options.check);
  EXPECT_TRUE(parsed.options.registered_buffers);
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
      {{"--json", "allreduce"}, "allreduce"},
      {{"allreduce", "--timeout-s", "soon"}, "--timeout-s"},
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
