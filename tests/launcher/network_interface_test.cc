#include "launcher/network_interface.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ronde {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Hosts = std::vector<HostInterfaces>;

NetworkInterface Up(const std::string& name, const std::string& address, int bits,
                    int speed_mbits = 1000) {
  NetworkInterface interface;
  interface.name = name;
  interface.up = true;
  interface.speed_mbits = speed_mbits;
  interface.addresses = {{address, bits}};
  return interface;
}

NetworkInterface Loopback() {
  NetworkInterface interface = Up("lo", "127.0.0.1", 8, 0);
  interface.loopback = true;
  return interface;
}

NetworkInterface Docker() {
  NetworkInterface interface = Up("docker0", "172.17.0.1", 16, 10000);
  interface.container_bridge = true;
  return interface;
}

NetworkInterface Down(NetworkInterface interface) {
  interface.up = false;
  return interface;
}

NetworkInterface WayOut(NetworkInterface interface) {
  interface.default_route = true;
  return interface;
}

NetworkChoice Choose(const Hosts& hosts, std::string_view setting = "auto") {
  const Result<NetworkChoice> choice = ChooseNetwork(setting, hosts);
  EXPECT_TRUE(choice.ok()) << choice.status().message();
  return choice.ok() ? choice.value() : NetworkChoice{};
}

std::string ErrorOf(const Hosts& hosts, std::string_view setting = "auto") {
  return ChooseNetwork(setting, hosts).status().message();
}

TEST(NetworkChoice, IsNoneForOneMachineEvenUnderTwoNames) {
  const std::vector<NetworkInterface> own = {Loopback(), Up("eth0", "10.0.0.1", 24)};
  EXPECT_EQ(Choose({{"n1", own}}).value, "");
  EXPECT_EQ(Choose({{"n1", own}, {"n1.cluster.org", own}}).value, "");
}

TEST(NetworkChoice, IsTheNameThatAllHostsGiveTheCommonSubnet) {
  const NetworkChoice choice = Choose({{"n1", {Loopback(), Docker(), Up("eth0", "10.0.0.1", 24)}},
                                       {"n2", {Loopback(), Up("eth0", "10.0.0.2", 24)}}});
  EXPECT_EQ(choice.value, "eth0");
  EXPECT_EQ(choice.reason, "10.0.0.0/24, 1000 Mb/s, common to all hosts");
}

TEST(NetworkChoice, IsTheSubnetWhereNamesDiffer) {
  const NetworkChoice choice =
      Choose({{"n1", {Up("eth0", "10.0.0.1", 24)}}, {"n2", {Up("enp3s0", "10.0.0.2", 24)}}});
  EXPECT_EQ(choice.value, "10.0.0.0/24");
  EXPECT_THAT(choice.interfaces, ElementsAre("eth0", "enp3s0"));
}

TEST(NetworkChoice, PrefersTheSubnetWhoseSlowestPortIsFastest) {
  Hosts hosts = {{"n1", {Up("eth0", "10.0.0.1", 24, 1000), Up("eth1", "10.0.1.1", 24, 100000)}},
                 {"n2", {Up("eth0", "10.0.0.2", 24, 1000), Up("eth1", "10.0.1.2", 24, 25000)}}};
  EXPECT_EQ(Choose(hosts).value, "eth1");
  hosts[1].interfaces[1].speed_mbits = 100;
  EXPECT_EQ(Choose(hosts).value, "eth0");
  std::reverse(hosts.begin(), hosts.end());
  EXPECT_EQ(Choose(hosts).value, "eth0");
}

TEST(NetworkChoice, LeavesOutWhatConnectsNothing) {
  const Hosts hosts = {
      {"n1",
       {Up("ib0", "10.9.0.1", 24), Docker(), Up("br0", "192.168.1.1", 24, 40000),
        Up("eth0", "10.0.0.1", 24), Up("usb0", "169.254.3.1", 16)}},
      {"n2",
       {Down(Up("ib0", "10.9.0.2", 24, 56000)), Docker(), Up("br0", "192.168.1.1", 24, 40000),
        Up("eth0", "10.0.0.2", 24), Up("usb0", "169.254.3.2", 16)}}};
  EXPECT_EQ(Choose(hosts).value, "eth0");
}

TEST(NetworkChoice, TakesIpv6WhereHostsShareNothingElse) {
  const Hosts hosts = {{"n1", {Up("eth0", "fd00:1::1", 64), Up("eth1", "10.0.1.1", 24)}},
                       {"n2", {Up("eth0", "fd00:1::2", 64), Up("eth1", "10.0.2.1", 24)}}};
  EXPECT_EQ(Choose(hosts).value, "eth0");
  EXPECT_EQ(Choose(hosts).reason, "fd00:1::/64, 1000 Mb/s, common to all hosts");
}

TEST(NetworkChoice, FallsBackToDefaultRoutesOfHostsInDifferentSubnets) {
  const Hosts cloud = {{"n1", {Loopback(), WayOut(Up("ens4", "10.128.0.2", 32))}},
                       {"n2", {Loopback(), WayOut(Up("ens4", "10.128.0.3", 32))}}};
  EXPECT_EQ(Choose(cloud).value, "ens4");
  const Hosts racks = {{"n1", {WayOut(Up("eth0", "10.0.1.2", 24))}},
                       {"n2", {WayOut(Up("eth1", "10.0.2.2", 24))}},
                       {"n3", {WayOut(Up("eth1", "10.0.2.3", 24))}}};
  EXPECT_EQ(Choose(racks).value, "10.0.1.0/24,10.0.2.0/24");
}

TEST(NetworkChoice, NamesWhatEachHostHasWhereNothingConnectsThem) {
  EXPECT_EQ(ErrorOf({{"n1", {Loopback(), Docker(), Up("eth0", "10.0.0.1", 24)}},
                     {"n2", {Loopback(), Docker(), Down(Up("eth0", "10.0.0.2", 24))}},
                     {"n3", {Loopback()}}}),
            "no network connects all hosts: n1 has docker0 172.17.0.1/16 (of containers), eth0 "
            "10.0.0.1/24; n2 has docker0 172.17.0.1/16 (of containers), eth0 10.0.0.2/24 (down); "
            "n3 has no interface but loopback; give them addresses in one subnet, or name what "
            "routers connect with --network-interface eth0 or --network-interface 10.0.0.0/24");
  // Two hosts without any network are not one host.
  EXPECT_THAT(ErrorOf({{"n1", {Loopback()}}, {"n2", {Loopback()}}}), HasSubstr("no network"));
  // Behind equal private addresses.
  EXPECT_THAT(ErrorOf({{"n1", {WayOut(Up("eth0", "10.0.2.15", 24)), Docker()}},
                       {"n2", {WayOut(Up("eth0", "10.0.2.15", 24))}}}),
              HasSubstr("no network"));
}

TEST(NetworkChoice, ListsAtMostEightHosts) {
  Hosts hosts;
  for (int i = 0; i < 20; ++i) {
    hosts.push_back(
        {"n" + std::to_string(i), {Up("eth0", "10." + std::to_string(i) + ".0.1", 24)}});
  }
  EXPECT_THAT(ErrorOf(hosts), HasSubstr("; and 12 more; "));
}

TEST(NetworkChoice, ChecksGivenNamesAndSubnetsOnEveryHost) {
  const Hosts hosts = {{"n1", {Up("eth0", "10.0.0.1", 24), Up("ib0", "10.9.0.1", 24)}},
                       {"n2", {Up("eth0", "10.0.0.2", 24), Up("ib1", "10.9.0.2", 24)}}};
  EXPECT_THAT(Choose(hosts, "eth0").interfaces, ElementsAre("eth0", "eth0"));
  EXPECT_THAT(Choose(hosts, "10.9.0.0/16").interfaces, ElementsAre("ib0", "ib1"));
  EXPECT_THAT(Choose(hosts, "ib0,ib1").interfaces, ElementsAre("ib0", "ib1"));
  EXPECT_THAT(Choose(hosts, "eth0,10.9.0.0/24").interfaces, ElementsAre("eth0,ib0", "eth0,ib1"));
  EXPECT_EQ(Choose(hosts, "ib0,ib1").value, "ib0,ib1");
  EXPECT_EQ(ErrorOf(hosts, "ib0"),
            "--network-interface ib0: host 'n2' has no such interface that is up and has an "
            "address; it has eth0 10.0.0.2/24, ib1 10.9.0.2/24; correct the name, or leave it to "
            "'auto'");
  EXPECT_THAT(ErrorOf(hosts, "10.9.0.0/31"), HasSubstr("host 'n2' has no such interface"));
  EXPECT_THAT(
      ErrorOf({{"n1", {Up("eth0", "10.0.0.1", 24)}}, {"n2", {Down(Up("eth0", "10.0.0.2", 24))}}},
              "eth0"),
      HasSubstr("eth0 10.0.0.2/24 (down)"));
}

TEST(OwnInterfaces, HaveALoopback) {
  const Result<std::vector<NetworkInterface>> interfaces = OwnInterfaces();
  ASSERT_TRUE(interfaces.ok()) << interfaces.status().message();
  const auto loopback =
      std::find_if(interfaces.value().begin(), interfaces.value().end(),
                   [](const NetworkInterface& interface) { return interface.loopback; });
  ASSERT_NE(loopback, interfaces.value().end());
  EXPECT_THAT(loopback->addresses, testing::Contains(InterfaceAddress{"127.0.0.1", 8}));
}

}  // namespace
}  // namespace ronde
