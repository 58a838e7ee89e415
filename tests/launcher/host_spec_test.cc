#include "launcher/host_spec.h"

#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "launcher/slot_limits.h"

namespace ronde {
namespace {

using testing::HasSubstr;
using Hosts = std::vector<HostSlots>;

std::string ListError(std::string_view text) { return ParseHostList(text).status().message(); }

TEST(HostList, ReadsHostsAndSlotsInOrder) {
  const Result<Hosts> hosts = ParseHostList("node-b:2,10.0.0.7:4,localhost");
  ASSERT_TRUE(hosts.ok()) << hosts.status().message();
  EXPECT_EQ(hosts.value(), (Hosts{{"node-b", 2}, {"10.0.0.7", 4}, {"localhost", 1}}));
  EXPECT_EQ(TotalSlots(hosts.value()), 7);
  EXPECT_EQ(FormatHostList(hosts.value()), "node-b:2,10.0.0.7:4,localhost:1");
}

TEST(HostList, ReadsIpv6AddressesInBrackets) {
  const Result<Hosts> hosts = ParseHostList("[fd00::7]:2,[::1]");
  ASSERT_TRUE(hosts.ok()) << hosts.status().message();
  EXPECT_EQ(hosts.value(), (Hosts{{"fd00::7", 2}, {"::1", 1}}));
  EXPECT_EQ(FormatHostList(hosts.value()), "[fd00::7]:2,[::1]:1");
}

TEST(HostList, AddsUpARepeatedHost) {
  const Result<Hosts> hosts = ParseHostList("a,b:2,a:3");
  ASSERT_TRUE(hosts.ok());
  EXPECT_EQ(hosts.value(), (Hosts{{"a", 4}, {"b", 2}}));
}

TEST(HostList, RefusesARepeatedHostWithTooManySlotsInAll) {
  EXPECT_TRUE(ParseHostList("a:65535,a").ok());
  EXPECT_THAT(ListError("a:65535,b,a:2"), HasSubstr("host 'a' has more than 65536 slots in all"));
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

TEST(HostList, SaysWhatToDoWithFormsOfOtherLaunchers) {
  EXPECT_EQ(ListError("me@n1:2"),
            "--hosts: 'me@n1:2' names a user; write 'User me' below 'Host n1' in ~/.ssh/config and "
            "leave out 'me@'; expected host[:slots],host[:slots],...");
  EXPECT_EQ(
      ListError("node[01-04]"),
      "--hosts: 'node[01-04]' is a range as Slurm writes it; name each host (inside a Slurm "
      "job, leave it out: the job's hosts are known); expected host[:slots],host[:slots],...");
  EXPECT_EQ(ListError("fd00::7"),
            "--hosts: 'fd00::7' is an IPv6 address, which needs brackets: [fd00::7]; expected "
            "host[:slots],host[:slots],...");
  EXPECT_THAT(ListError("node[01,03]"), HasSubstr("range as Slurm writes it"));
  EXPECT_THAT(ListError("^n1"), HasSubstr("excludes hosts"));
  EXPECT_THAT(ListError("+n0"), HasSubstr("excludes hosts or counts them"));
  EXPECT_THAT(ListError("[n1]:2"), HasSubstr("no IPv6 address in its brackets"));
  EXPECT_THAT(ListError("[::1"), HasSubstr("no IPv6 address in its brackets"));
  EXPECT_THAT(ListError("[::1]2"), HasSubstr("no number of slots"));
}

TEST(HostNames, AreListedUpToALimit) {
  EXPECT_EQ(FormatHostNames({"a"}), "a");
  EXPECT_EQ(FormatHostNames({"a", "b", "c"}, 3), "a, b, c");
  EXPECT_EQ(FormatHostNames({"a", "b", "c", "d"}, 3), "a, b and 2 more");
}

TEST(FitSlots, LeavesHostsThatSufficeOrHaveNoLimit) {
  const Hosts limited = {{"a", 2, 4}, {"b", 2}};
  EXPECT_EQ(FitSlots(limited, 4).value(), limited);
  const Hosts unlimited = {{"a", 1}, {"b", 1}};
  EXPECT_EQ(FitSlots(unlimited, 9).value(), unlimited);
}

TEST(FitSlots, DealsTheRestInTurnUpToEveryLimit) {
  EXPECT_EQ(FitSlots({{"a", 1, 2}, {"b", 1, 4}}, 5).value(), (Hosts{{"a", 2, 2}, {"b", 3, 4}}));
  EXPECT_EQ(FitSlots({{"a", 1, 1}, {"b", 1}}, 5).value(), (Hosts{{"a", 1, 1}, {"b", 4}}));
  EXPECT_EQ(FitSlots({{"a", 1, 2}, {"b", 1, 1}}, 4).status().message(),
            "4 ranks do not fit: the hosts' max_slots allow 3; raise max_slots, add hosts, or "
            "start fewer ranks");
}

}  // namespace
}  // namespace ronde
