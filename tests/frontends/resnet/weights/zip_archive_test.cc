#include "frontends/resnet/weights/zip_archive.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>

#include "tests/support/zip_bytes.h"

namespace ronde {
namespace {

using testing::HasSubstr;

class ZipArchive : public testing::Test {
 protected:
  ~ZipArchive() override { std::filesystem::remove(path_); }
  InputFile Open(const std::string& bytes) {
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << bytes;
    return std::move(InputFile::Open(path_)).value();
  }
  std::string MessageFor(const std::string& bytes) {
    const auto directory = ReadZipDirectory(Open(bytes));
    return directory.ok() ? "" : directory.status().message();
  }

 private:
  std::string path_ =
      testing::TempDir() + testing::UnitTest::GetInstance()->current_test_info()->name() + ".zip";
};

const std::vector<std::pair<std::string, std::string>> kFiles = {{"m/a", "first"}, {"m/b", ""}};

TEST_F(ZipArchive, FindsStoredFiles) {
  const InputFile file = Open(ZipOf(kFiles));
  const auto directory = ReadZipDirectory(file);
  ASSERT_TRUE(directory.ok()) << directory.status().message();
  ASSERT_EQ(directory.value().size(), 2U);
  const ZipRecord& record = directory.value().at("m/a");
  std::string contents(record.size_bytes, '\0');
  ASSERT_TRUE(ReadZipRecord(file, record, contents.data()).ok());
  EXPECT_EQ(contents, "first");
  EXPECT_EQ(directory.value().at("m/b").size_bytes, 0U);
}

TEST_F(ZipArchive, TellsOfAWrongChecksum) {
  std::string bytes = ZipOf(kFiles);
  bytes[bytes.find("first")] = 'F';
  const InputFile file = Open(bytes);
  const auto directory = ReadZipDirectory(file);
  ASSERT_TRUE(directory.ok());
  std::string contents(5, '\0');
  const Status status = ReadZipRecord(file, directory.value().at("m/a"), contents.data());
  EXPECT_THAT(status.message(), HasSubstr("checksum"));
}

TEST_F(ZipArchive, TellsOfACutFile) {
  const std::string bytes = ZipOf(kFiles);
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_THAT(MessageFor(bytes.substr(0, length)), HasSubstr("cut off")) << length;
  }
}

TEST_F(ZipArchive, RefusesTwoFilesOfOneName) {
  EXPECT_THAT(MessageFor(ZipOf({{"a", "x"}, {"a", "y"}})), HasSubstr("one name"));
}

TEST_F(ZipArchive, RefusesCompressedFilesAndRecordsOutside) {
  const std::string bytes = ZipOf({{"a", "xyz"}});
  const std::size_t entry = bytes.find("PK\x01\x02");
  std::string compressed = bytes;
  compressed[entry + 10] = 8;
  EXPECT_THAT(MessageFor(compressed), HasSubstr("compressed"));
  std::string outside = bytes;
  outside.replace(entry + 20, 8, LittleEndian(1'000'000, 4) + LittleEndian(1'000'000, 4));
  EXPECT_THAT(MessageFor(outside), HasSubstr("outside"));
}

}  // namespace
}  // namespace ronde
