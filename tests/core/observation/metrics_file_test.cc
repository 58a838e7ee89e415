#include "core/observation/metrics_file.h"

#include <atomic>
#include <chrono>
#include <filesystem>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/strcat.h"
#include "core/base/text_file.h"
#include "tests/support/temporary_folder.h"

namespace ronde {
namespace {

using ::testing::HasSubstr;

std::size_t FilesIn(const std::string& folder) {
  std::size_t files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder)) ++files;
  return files;
}

TEST(MetricsFile, IsThereFromTheStartAndHasTheLastWordAtTheEnd) {
  const TemporaryFolder folder;
  const std::string path = folder.File("m.prom");
  std::string text = "first";  // written while the thread sleeps
  auto file = MetricsFile::Start(path, 3600, [&] { return text; });
  ASSERT_TRUE(file.ok()) << file.status().message();
  EXPECT_EQ(ReadTextFile(path).value(), "first");
  text = "last";
  file.value().reset();
  EXPECT_EQ(ReadTextFile(path).value(), "last");
  EXPECT_EQ(FilesIn(folder.path()), 1U);  // nothing temporary stays
}

TEST(MetricsFile, IsReplacedEveryInterval) {
  const TemporaryFolder folder;
  const std::string path = folder.File("m.prom");
  std::atomic<int> writes{0};
  const auto file = MetricsFile::Start(path, 0.01, [&] { return StrCat(++writes); });
  ASSERT_TRUE(file.ok());
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (ReadTextFile(path).value() < "3" && std::chrono::steady_clock::now() < give_up) {
    std::this_thread::yield();
  }
  EXPECT_GE(ReadTextFile(path).value(), "3");
}

TEST(MetricsFile, IsNeverSeenHalfWritten) {
  const TemporaryFolder folder;
  const std::string path = folder.File("m.prom");
  std::atomic<char> letter{'a'};
  const auto file =
      MetricsFile::Start(path, 3600, [&] { return std::string(200'000, letter.load()); });
  ASSERT_TRUE(file.ok());
  std::thread writer([&] {
    for (char c = 'b'; c <= 'p'; ++c) {
      letter = c;
      file.value()->Write();
    }
  });
  while (letter != 'p') {
    const std::string seen = ReadTextFile(path).value();
    EXPECT_EQ(seen, std::string(200'000, seen.empty() ? '?' : seen[0]));
  }
  writer.join();
}

TEST(MetricsFile, ThatCannotBeWrittenIsRefusedAtTheStart) {
  const TemporaryFolder folder;
  const auto file = MetricsFile::Start(folder.File("none/m.prom"), 1, [] { return "x"; });
  ASSERT_FALSE(file.ok());
  EXPECT_EQ(file.status().code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(file.status().message(), HasSubstr("--metrics-file: cannot write"));
  EXPECT_THAT(file.status().message(), HasSubstr("none/m.prom"));
}

TEST(MetricsFile, SurvivesAFolderThatGoesAway) {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder.File("gone"));
  const auto file = MetricsFile::Start(folder.File("gone/m.prom"), 3600, [] { return "x"; });
  ASSERT_TRUE(file.ok());
  std::filesystem::remove_all(folder.File("gone"));
  file.value()->Write();
  std::filesystem::create_directory(folder.File("gone"));
  file.value()->Write();
  EXPECT_EQ(ReadTextFile(folder.File("gone/m.prom")).value(), "x");
}

}  // namespace
}  // namespace ronde
