#include "launcher/ip_subnet.h"

#include <gtest/gtest.h>

namespace ronde {
namespace {

TEST(IpSubnet, DropsTheBitsPastThePrefix) {
  EXPECT_EQ(FormatSubnet(*ParseSubnet("10.1.2.3/24")), "10.1.2.0/24");
  EXPECT_EQ(FormatSubnet(*ParseSubnet("10.1.255.255/20")), "10.1.240.0/20");
  EXPECT_EQ(FormatSubnet(*ParseSubnet("10.1.2.3/0")), "0.0.0.0/0");
  EXPECT_EQ(FormatSubnet(*ParseSubnet("10.1.2.3/32")), "10.1.2.3/32");
  EXPECT_EQ(FormatSubnet(*ParseSubnet("fd00:1::7/64")), "fd00:1::/64");
}

TEST(IpSubnet, RefusesWhatIsNone) {
  for (const char* text : {"", "/", "10.0.0.1", "10.0.0.1/", "10.0.0.1/33", "10.0.0.1/-1",
                           "10.0.0/8", "fd00::/129", "eth0/24", "10.0.0.1/8x"}) {
    EXPECT_FALSE(ParseSubnet(text).has_value()) << text;
  }
}

TEST(IpSubnet, KnowsWhatItContains) {
  const auto contains = [](const char* outer, const char* inner) {
    return Contains(*ParseSubnet(outer), *ParseSubnet(inner));
  };
  EXPECT_TRUE(contains("10.0.0.0/8", "10.3.0.0/16"));
  EXPECT_TRUE(contains("10.0.0.0/8", "10.0.0.0/8"));
  EXPECT_FALSE(contains("10.3.0.0/16", "10.0.0.0/8"));
  EXPECT_FALSE(contains("10.0.0.0/8", "11.0.0.0/16"));
  EXPECT_FALSE(contains("0.0.0.0/0", "::1/128"));
}

TEST(IpSubnet, KnowsAddressesThatNoOtherHostCanUse) {
  for (const char* text : {"127.0.0.1/8", "169.254.9.9/16", "::1/128", "fe80::1/64"}) {
    EXPECT_TRUE(IsHostBound(*ParseSubnet(text))) << text;
  }
  for (const char* text : {"10.0.0.1/24", "fd00::1/64", "192.168.0.1/16"}) {
    EXPECT_FALSE(IsHostBound(*ParseSubnet(text))) << text;
  }
}

}  // namespace
}  // namespace ronde
