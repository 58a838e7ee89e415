#include "frontends/resnet/weights/output_file.h"

#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <gmock/gmock.h>

namespace ronde {
namespace {

namespace fs = std::filesystem;

class OutputFileTest : public testing::Test {
 protected:
  OutputFileTest() { fs::create_directories(folder_); }
  ~OutputFileTest() override { fs::remove_all(folder_); }
  [[nodiscard]] std::string Path(const std::string& name) const { return folder_ / name; }
  [[nodiscard]] std::string Contents(const std::string& name) const {
    std::ifstream file(folder_ / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  [[nodiscard]] bool IsEmpty() const { return fs::is_empty(folder_); }

 private:
  fs::path folder_ = testing::TempDir() + "output_file_" +
                     testing::UnitTest::GetInstance()->current_test_info()->name();
};

Status WriteText(const std::string& path, const std::string& text) {
  RONDE_ASSIGN_OR_RETURN(OutputFile file, OutputFile::Create(path));
  RONDE_RETURN_IF_ERROR(file.Write(text.data(), text.size()));
  return file.Finish();
}

TEST_F(OutputFileTest, HoldsWhatWasWritten) {
  ASSERT_TRUE(WriteText(Path("a"), "text").ok());
  EXPECT_EQ(Contents("a"), "text");
}

TEST_F(OutputFileTest, IsRemovedUnlessFinished) {
  {
    auto file = OutputFile::Create(Path("a"));
    ASSERT_TRUE(file.ok());
    ASSERT_TRUE(file.value().Write("x", 1).ok());
  }
  EXPECT_TRUE(IsEmpty());
}

TEST_F(OutputFileTest, NamesTheFileThatCannotBeMade) {
  const auto file = OutputFile::Create(Path("missing/a"));
  ASSERT_FALSE(file.ok());
  EXPECT_THAT(file.status().message(), testing::HasSubstr("missing/a: cannot be written: No such"));
}

// Lets no file of this process grow, as on a full disk.
class FileSizeLimit {
 public:
  FileSizeLimit() {
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit none = {0, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &none);
    handler_ = std::signal(SIGXFSZ, SIG_IGN);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit before_ = {};
  void (*handler_)(int) = SIG_DFL;
};

TEST_F(OutputFileTest, AFullDiskLeavesNothingBehind) {
  Status status;
  {
    const FileSizeLimit limit;
    status = WriteText(Path("a"), "text");
  }
  EXPECT_THAT(status.message(), testing::HasSubstr("a: cannot be written: "));
  EXPECT_TRUE(IsEmpty());
}

TEST_F(OutputFileTest, RefusesAndKeepsWhatIsNoRegularFile) {
  ASSERT_EQ(mkfifo(Path("pipe").c_str(), 0600), 0);
  EXPECT_FALSE(ReplaceFile(Path("pipe"), [](const std::string&) { return Status::Ok(); }).ok());
  EXPECT_TRUE(fs::is_fifo(Path("pipe")));
}

TEST_F(OutputFileTest, AFailedReplacementKeepsTheOldContents) {
  ASSERT_TRUE(WriteText(Path("a"), "old").ok());
  const Status status = ReplaceFile(Path("a"), [](const std::string& unfinished) -> Status {
    RONDE_ASSIGN_OR_RETURN(OutputFile file, OutputFile::Create(unfinished));
    RONDE_RETURN_IF_ERROR(file.Write("ne", 2));
    return Status::Unavailable("no more");
  });
  EXPECT_EQ(status.message(), "no more");
  EXPECT_EQ(Contents("a"), "old");
  EXPECT_FALSE(fs::exists(Path("a.tmp")));
}

TEST_F(OutputFileTest, ReplacesAWholeFile) {
  ASSERT_TRUE(WriteText(Path("a"), "old").ok());
  ASSERT_TRUE(ReplaceFile(Path("a"), [](const std::string& unfinished) {
                return WriteText(unfinished, "new");
              }).ok());
  EXPECT_EQ(Contents("a"), "new");
  EXPECT_FALSE(fs::exists(Path("a.tmp")));
}

}  // namespace
}  // namespace ronde
