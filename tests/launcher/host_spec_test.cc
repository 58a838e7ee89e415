#include "launcher/host_spec.h"

#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ronde {
namespace {

using testing::HasSubstr;
using Hosts = std::vector<HostSlots>;

std::string ListError(std::string_view text) { return ParseHostList(text).status().message(); }

std::string FileError(std::string_view text) {
  return ParseHostfile(text, "cluster").status().message();
}

TEST(HostList, ReadsHostsAndSlotsInOrder) {
  const Result<Hosts> hosts = ParseHostList("node-b:2,10.0.0.7:4,localhost");
  ASSERT_TRUE(hosts.ok()) << hosts.status().message();
  EXPECT_EQ(hosts.value(), (Hosts{{"node-b", 2}, {"10.0.0.7", 4}, {"localhost", 1}}));
  EXPECT_EQ(TotalSlots(hosts.value()), 7);
  EXPECT_EQ(FormatHostList(hosts.value()), "node-b:2,10.0.0.7:4,localhost:1");
}

TEST(HostList, AddsUpARepeatedHost) {
  const Result<Hosts> hosts = ParseHostList("a,b:2,a:3");
  ASSERT_TRUE(hosts.ok());
  EXPECT_EQ(hosts.value(), (Hosts{{"a", 4}, {"b", 2}}));
}

TEST(HostList, RefusesARepeatedHostWithTooManySlotsInAll) {
  EXPECT_TRUE(ParseHostList("a:65535,a").ok());
  EXPECT_THAT(ListError("a:65535,b,a:2"), HasSubstr("host 'a' has more than 65536 slots in all"));
  EXPECT_THAT(FileError("a slots=65536\na\n"), HasSubstr("line 2: host 'a' has more than"));
}

TEST(HostList, CountsSlotsBeyondTheRangeOfAnInteger) {
  const Hosts hosts(40000, HostSlots{"a", 65536});
  EXPECT_EQ(TotalSlots(hosts), std::numeric_limits<int>::max());
}

TEST(HostList, NamesTheWrongEntryAndWhatIsAccepted) {
  for (const char* text : {"", ",", "a,", "a,,b", ":2", "a b", "-a:2", "a/b"}) {
    EXPECT_THAT(ListError(text), HasSubstr("host name")) << text;
    EXPECT_THAT(ListError(text), HasSubstr("expected host[:slots]")) << text;
  }
  for (const char* text : {"a:", "a:x", "a:0", "a:-1", "a:1.5", "a:2:3", "a:99999999999"}) {
    EXPECT_THAT(ListError(text), HasSubstr(text)) << text;
    EXPECT_THAT(ListError(text), HasSubstr("slots")) << text;
  }
}

TEST(Hostfile, ReadsOpenMpiAndHorovodForms) {
  const Result<Hosts> hosts = ParseHostfile(
      "# the cluster\n\nn1 slots=2\r\nn2 slots = 4 max_slots=8 # big\n\tn3:3\nn4 max-slots=2\nn1",
      "cluster");
  ASSERT_TRUE(hosts.ok()) << hosts.status().message();
  EXPECT_EQ(hosts.value(), (Hosts{{"n1", 3}, {"n2", 4}, {"n3", 3}, {"n4", 1}}));
}

TEST(Hostfile, NamesFileAndLineAndWhatIsAccepted) {
  for (const char* line : {"n2 slots=x", "n2 slots=0", "n2 slots", "n2 cores=4", "n2:", "n2:x",
                           "n2 4", "=4", "n2 slots=2 slots==3", "n2 = = 4"}) {
    const std::string message = FileError(std::string("n1 slots=2\n") + line + "\n");
    EXPECT_THAT(message, HasSubstr("hostfile cluster, line 2: ")) << line;
    EXPECT_THAT(message, HasSubstr("expected 'host', 'host slots=N' or 'host:N'")) << line;
  }
}

TEST(Hostfile, RefusesAFileWithoutHosts) {
  EXPECT_THAT(FileError(""), HasSubstr("names no host"));
  EXPECT_THAT(FileError("# nothing\n \n"), HasSubstr("names no host"));
}

TEST(Hostfile, SurvivesArbitraryBytes) {
  std::string text;
  unsigned state = 1;
  for (int round = 0; round < 2000; ++round) {
    text.clear();
    for (int i = 0; i < 40; ++i) {
      state = state * 1664525u + 1013904223u;
      text += "ab:= \n#,slot1\x01\xff"[(state >> 16) % 16];
    }
    const Result<Hosts> file = ParseHostfile(text, "fuzz");
    EXPECT_EQ(file.ok(), file.status().message().empty());
    const Result<Hosts> list = ParseHostList(text);
    EXPECT_EQ(list.ok(), list.status().message().empty());
  }
}

}  // namespace
}  // namespace ronde
