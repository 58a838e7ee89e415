// Metrics of real processes, by the flags of a real program.

#include <stdio.h>
#include <sys/wait.h>

#include <array>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/strcat.h"
#include "core/base/text_file.h"
#include "core/observation/metrics_server.h"
#include "tests/core/observation/prometheus_text.h"
#include "tests/support/temporary_folder.h"

namespace ronde {
namespace {

using ::testing::HasSubstr;

struct JobEnd {
  int exit_code = 0;
  std::string output;
};

JobEnd RunJob(const std::string& flags) {
  JobEnd end;
  FILE* pipe = popen(StrCat(RONDERUN, " -np 2 ", PROGRAM, " allreduce --path engine -b 4K -e 4K ",
                            "-n 20 ", flags, " 2>&1")
                         .c_str(),
                     "r");
  std::array<char, 4096> part;
  while (const std::size_t size = fread(part.data(), 1, part.size(), pipe)) {
    end.output.append(part.data(), size);
  }
  const int status = pclose(pipe);
  end.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return end;
}

std::size_t CountOf(const std::string& what, const std::string& text) {
  std::size_t count = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) {
    ++count;
  }
  return count;
}

TEST(MetricsOverMpi, AreInAFileForEachRank) {
  const TemporaryFolder folder;
  const JobEnd end = RunJob(StrCat("--metrics-file ", folder.File("m.prom")));
  ASSERT_EQ(end.exit_code, 0) << end.output;
  for (int rank = 0; rank < 2; ++rank) {
    const auto text = ReadTextFile(folder.File(rank == 0 ? "m.prom" : "m.rank1.prom"));
    ASSERT_TRUE(text.ok()) << text.status().message();
    const PrometheusFamilies families(text.value());
    EXPECT_GE(
        families.Value("ronde_operations_total", {{"kind", "allreduce"}, {"rank", StrCat(rank)}}),
        1);
    EXPECT_EQ(families.Value("ronde_operations_in_flight"), 0);
  }
}

TEST(MetricsOverMpi, AFileThatCannotBeWrittenIsOneLineAndExitCode2) {
  const TemporaryFolder folder;
  const JobEnd end = RunJob(StrCat("--metrics-file ", folder.File("none/m.prom")));
  EXPECT_EQ(end.exit_code, 2) << end.output;
  EXPECT_EQ(CountOf("none/m.prom", end.output), 1U) << end.output;
}

TEST(MetricsOverMpi, APortThatIsTakenIsOneLineAndExitCode2) {
  const auto other = MetricsServer::Start(0, [] { return ""; });
  ASSERT_TRUE(other.ok());
  const int port = other.value()->port();
  const JobEnd end = RunJob(StrCat("--metrics-port ", port - 1));  // rank 1 gets the next
  EXPECT_EQ(end.exit_code, 2) << end.output;
  EXPECT_THAT(end.output, HasSubstr(StrCat("127.0.0.1:", port)));
}

}  // namespace
}  // namespace ronde
