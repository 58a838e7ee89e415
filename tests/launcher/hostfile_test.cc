#include "launcher/hostfile.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/temporary_folder.h"

namespace ronde {
namespace {

using testing::HasSubstr;
using Hosts = std::vector<HostSlots>;

std::string FileError(std::string_view text) {
  return ParseHostfile(text, "cluster").status().message();
}

TEST(Hostfile, ReadsOpenMpiAndHorovodForms) {
  const Result<Hosts> hosts = ParseHostfile(
      "# the cluster\n\nn1 slots=2\r\nn2 slots = 4 max_slots=8 # big\n\tn3:3\nn4 max-slots=2\nn1\n"
      "n5 count=3\n[fd00::7] slots=2\n10.0.0.9:2",
      "cluster");
  ASSERT_TRUE(hosts.ok()) << hosts.status().message();
  EXPECT_EQ(hosts.value(), (Hosts{{"n1", 3},
                                  {"n2", 4, 8},
                                  {"n3", 3},
                                  {"n4", 1, 2},
                                  {"n5", 3},
                                  {"fd00::7", 2},
                                  {"10.0.0.9", 2}}));
}

TEST(Hostfile, KeepsALimitOnlyWhereAllLinesOfAHostHaveOne) {
  EXPECT_EQ(ParseHostfile("a slots=1 max_slots=2\na slots=1 max_slots=3", "f").value(),
            (Hosts{{"a", 2, 5}}));
  EXPECT_EQ(ParseHostfile("a slots=1 max_slots=2\na", "f").value(), (Hosts{{"a", 2, 0}}));
}

TEST(Hostfile, NamesFileLineWhatItGotWhatItTakesAndTheRemedy) {
  constexpr char kExpected[] = "; expected 'host', 'host slots=N max_slots=N' or 'host:N'";
  const auto error_in_line_2 = [](const std::string& line) {
    return FileError("n1 slots=2\n" + line + "\n");
  };
  EXPECT_EQ(error_in_line_2("n2 slots=two"),
            std::string("hostfile cluster, line 2: 'slots=two' needs a number from 1 to 65536") +
                kExpected);
  EXPECT_EQ(error_in_line_2("n2 cores=4"),
            std::string("hostfile cluster, line 2: 'cores=4' is not known") + kExpected);
  EXPECT_EQ(error_in_line_2("n2 slots=4 max_slots=2"),
            std::string("hostfile cluster, line 2: host 'n2' has 4 slots but max_slots=2; raise "
                        "max_slots or leave it out") +
                kExpected);
  EXPECT_EQ(
      error_in_line_2("n2:2 slots=4"),
      std::string("hostfile cluster, line 2: 'slots=4' gives slots a second time") + kExpected);
  EXPECT_EQ(error_in_line_2("n2 username=me"),
            std::string("hostfile cluster, line 2: 'username=me' names a user; write it below "
                        "'Host n2' in ~/.ssh/config") +
                kExpected);
  EXPECT_EQ(error_in_line_2("me@n2"),
            std::string("hostfile cluster, line 2: 'me@n2' names a user; write 'User me' below "
                        "'Host n2' in ~/.ssh/config and leave out 'me@'") +
                kExpected);
}

TEST(Hostfile, RefusesEveryOtherLine) {
  for (const char* line : {"n2 slots=x", "n2 slots=0", "n2 slots", "n2:", "n2:x", "n2 4", "=4",
                           "n2 slots=2 slots==3", "n2 = = 4", "n2 slots=2 slots=3",
                           "n2 max_slots=3 max-slots=3", "node[1-2] slots=2", "^n2"}) {
    const std::string message = FileError(std::string("n1 slots=2\n") + line + "\n");
    EXPECT_THAT(message, HasSubstr("hostfile cluster, line 2: ")) << line;
    EXPECT_THAT(message, HasSubstr("expected 'host', 'host slots=N")) << line;
  }
}

TEST(Hostfile, RefusesAFileWithoutHosts) {
  EXPECT_THAT(FileError(""), HasSubstr("names no host"));
  EXPECT_THAT(FileError("# nothing\n \n"), HasSubstr("names no host"));
  EXPECT_THAT(FileError("a slots=65536\na\n"), HasSubstr("line 2: host 'a' has more than"));
}

TEST(Hostfile, IsReadFromItsPath) {
  const TemporaryFolder folder;
  const std::string path = folder.File("hosts");
  std::ofstream(path) << "n1:2\n";
  EXPECT_EQ(ReadHostfile(path).value(), (Hosts{{"n1", 2}}));
  EXPECT_THAT(ReadHostfile(folder.path()).status().message(), HasSubstr("cannot be read"));
  EXPECT_THAT(ReadHostfile(folder.File("none")).status().message(), HasSubstr("cannot be read"));
}

}  // namespace
}  // namespace ronde
