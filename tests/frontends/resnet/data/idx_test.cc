#include "frontends/resnet/data/idx.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/frontends/resnet/data/idx_files.h"

namespace ronde {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

std::string ErrorOf(const std::string& path, int rank) {
  const Result<IdxArray> array = ReadIdx(path, rank);
  EXPECT_FALSE(array.ok());
  EXPECT_EQ(array.status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(array.status().message().find('\n'), std::string::npos);
  return array.status().message();
}

TEST(ReadIdx, ReadsCompressedAndPlainFiles) {
  const TemporaryFolder folder;
  const std::string bytes = IdxBytes(0x802, {2, 3}, {1, 2, 3, 4, 5, 6});
  WritePlain(folder.File("plain"), bytes);
  WriteGzip(folder.File("compressed.gz"), bytes);
  for (const char* name : {"plain", "compressed.gz"}) {
    const Result<IdxArray> array = ReadIdx(folder.File(name), 2);
    ASSERT_TRUE(array.ok()) << array.status().message();
    EXPECT_THAT(array.value().dimensions, ElementsAre(2, 3));
    EXPECT_THAT(array.value().values, ElementsAre(1, 2, 3, 4, 5, 6));
  }
}

TEST(ReadIdx, NamesAMissingFile) {
  EXPECT_THAT(ErrorOf("/nowhere/labels.gz", 1),
              AllOf(HasSubstr("/nowhere/labels.gz"), HasSubstr("No such file")));
}

TEST(ReadIdx, NamesAWrongMagic) {
  const TemporaryFolder folder;
  WritePlain(folder.File("f"), IdxBytes(0x803, {1, 1, 1}, {1}));
  EXPECT_THAT(ErrorOf(folder.File("f"), 1),
              AllOf(HasSubstr(folder.File("f")), HasSubstr("0x00000803"), HasSubstr("0x00000801")));
}

TEST(ReadIdx, NamesATruncatedFile) {
  const TemporaryFolder folder;
  WritePlain(folder.File("f"), IdxBytes(0x801, {100}, {1, 2, 3}));
  EXPECT_THAT(ErrorOf(folder.File("f"), 1),
              AllOf(HasSubstr("expected 100 bytes"), HasSubstr("got 3")));
  WritePlain(folder.File("g"), "\0\0");
  EXPECT_THAT(ErrorOf(folder.File("g"), 1), HasSubstr("truncated in its header"));
}

TEST(ReadIdx, NamesACompressedFileThatWasCutOff) {
  const TemporaryFolder folder;
  std::vector<std::uint8_t> values(100000);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<std::uint8_t>(i * i >> 3);
  WriteGzip(folder.File("f.gz"), IdxBytes(0x801, {100000}, values));
  std::filesystem::resize_file(folder.File("f.gz"),
                               std::filesystem::file_size(folder.File("f.gz")) / 2);
  EXPECT_THAT(ErrorOf(folder.File("f.gz"), 1), HasSubstr("truncated or damaged"));
}

TEST(ReadIdx, RefusesACompressedFileWhoseChecksumIsMissingOrWrong) {
  const TemporaryFolder folder;
  const std::string path = folder.File("f.gz");
  WriteGzip(path, IdxBytes(0x801, {3}, {1, 2, 3}));
  const auto size = static_cast<std::streamoff>(std::filesystem::file_size(path));
  // The last eight bytes are the checksum and the size.
  std::fstream(path, std::ios::in | std::ios::out | std::ios::binary).seekp(size - 8).put('\x5a');
  EXPECT_THAT(ErrorOf(path, 1), HasSubstr("fetch the file again"));
  WriteGzip(path, IdxBytes(0x801, {3}, {1, 2, 3}));
  std::filesystem::resize_file(path, static_cast<std::uintmax_t>(size - 4));
  EXPECT_THAT(ErrorOf(path, 1), HasSubstr("checksum is missing or wrong"));
}

TEST(ReadIdx, DoesNotAllocateWhatADamagedHeaderClaims) {
  const TemporaryFolder folder;
  WritePlain(folder.File("f"), IdxBytes(0x802, {0xFFFFFFFF, 0xFFFFFFFF}, {1}));
  EXPECT_THAT(ErrorOf(folder.File("f"), 2), HasSubstr("truncated"));
  WritePlain(folder.File("g"), IdxBytes(0x803, {0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF}, {1}));
  EXPECT_THAT(ErrorOf(folder.File("g"), 3), HasSubstr("impossible dimensions"));
}

TEST(ReadIdx, NamesTrailingData) {
  const TemporaryFolder folder;
  WritePlain(folder.File("f"), IdxBytes(0x801, {2}, {1, 2, 3}));
  EXPECT_THAT(ErrorOf(folder.File("f"), 1), HasSubstr("more than the 2 bytes"));
}

}  // namespace
}  // namespace ronde
