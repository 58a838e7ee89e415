#include "launcher/parallel_commands.h"

#include <sys/stat.h>

#include <chrono>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/temporary_folder.h"

namespace ronde {
namespace {

using Commands = std::vector<std::vector<std::string>>;
using Clock = std::chrono::steady_clock;

std::vector<std::string> Shell(const std::string& script) { return {"sh", "-c", script}; }

TEST(ParallelCommands, KeepTheirOutputsApartAndInOrder) {
  const Commands commands = {
      Shell("echo out; echo err >&2; exit 3"), Shell("cat; kill -9 $$"), {"/nonexistent/program"}};
  const std::vector<CommandOutput> results = RunInParallel(commands, 30);
  ASSERT_EQ(results.size(), 3U);
  EXPECT_EQ(results[0].exit_code, 3);
  EXPECT_EQ(results[0].output, "out\n");
  EXPECT_EQ(results[0].error_output, "err\n");
  EXPECT_EQ(results[1].exit_code, 128 + 9);
  EXPECT_EQ(results[2].exit_code, 127);
  for (const CommandOutput& result : results) EXPECT_FALSE(result.timed_out);
}

TEST(ParallelCommands, RunBesideOneAnother) {
  // Opening a pipe waits for the other end: one after the other they would miss the deadline.
  const TemporaryFolder folder;
  const std::string pipe = folder.File("pipe");
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  const Commands commands = {Shell("echo x >" + pipe), Shell("cat " + pipe)};
  EXPECT_EQ(RunInParallel(commands, 30)[1].output, "x\n");
}

TEST(ParallelCommands, AreMoreThanRunAtOnce) {
  const Commands commands(200, Shell("echo x"));
  for (const CommandOutput& result : RunInParallel(commands, 60)) EXPECT_EQ(result.output, "x\n");
}

TEST(ParallelCommands, EndWithTheirChildrenAtTheDeadline) {
  const auto start = Clock::now();
  const Commands commands = {Shell("echo early; sleep 60 & wait"), Shell("echo done")};
  const std::vector<CommandOutput> results = RunInParallel(commands, 0.5);
  EXPECT_LT(Clock::now() - start, std::chrono::seconds(20));
  EXPECT_TRUE(results[0].timed_out);
  EXPECT_EQ(results[0].output, "early\n");
  EXPECT_FALSE(results[1].timed_out);
}

TEST(ParallelCommands, DoNotWaitForWhatTheyLeaveInTheBackground) {
  const auto start = Clock::now();
  const std::vector<CommandOutput> results =
      RunInParallel(Commands{Shell("sleep 20 & echo done")}, 30);
  EXPECT_LT(Clock::now() - start, std::chrono::seconds(10));
  EXPECT_EQ(results[0].exit_code, 0);
  EXPECT_EQ(results[0].output, "done\n");
}

TEST(ParallelCommands, KeepOnlyTheBeginningOfEndlessOutput) {
  const std::vector<CommandOutput> results =
      RunInParallel(Commands{Shell("head -c 3000000 /dev/zero")}, 30);
  EXPECT_EQ(results[0].exit_code, 0);
  EXPECT_EQ(results[0].output.size(), 256U * 1024U);
}

}  // namespace
}  // namespace ronde
