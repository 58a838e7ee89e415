#include "core/comm/transports/network_devices.h"

#include <arpa/inet.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ronde {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// "10.0.0.7" or "fd00::7".
DeviceAddress Address(const std::string& device, const std::string& text, int prefix_bits) {
  DeviceAddress made = {.device = device, .prefix_bits = prefix_bits};
  if (inet_pton(AF_INET6, text.c_str(), made.address.data()) == 1) return made;
  made.address[10] = made.address[11] = 0xff;
  EXPECT_EQ(inet_pton(AF_INET, text.c_str(), made.address.data() + 12), 1) << text;
  made.prefix_bits += 96;
  return made;
}

DeviceAddress Loopback() {
  DeviceAddress made = Address("lo", "127.0.0.1", 8);
  made.host_bound = true;
  return made;
}

const std::vector<DeviceAddress> kOwn = {Loopback(), Address("eth0", "10.0.0.1", 24),
                                         Address("eth1", "192.168.7.1", 20),
                                         Address("eth1", "fd00::1", 64)};

TEST(NamedDevices, TakesNamesAndSubnets) {
  EXPECT_THAT(NamedDevices("eth1", kOwn, {}).value(), ElementsAre("eth1"));
  EXPECT_THAT(NamedDevices("eth1,eth0,eth1", kOwn, {}).value(), ElementsAre("eth1", "eth0"));
  EXPECT_THAT(NamedDevices("10.0.0.0/24", kOwn, {}).value(), ElementsAre("eth0"));
  EXPECT_THAT(NamedDevices("192.168.0.0/20", kOwn, {}).value(), ElementsAre("eth1"));
  EXPECT_THAT(NamedDevices("fd00::/64", kOwn, {}).value(), ElementsAre("eth1"));
  EXPECT_THAT(NamedDevices("0.0.0.0/0", kOwn, {}).value(), ElementsAre("lo", "eth0", "eth1"));
}

TEST(NamedDevices, OneOfSeveralSubnetsIsEnough) {
  EXPECT_THAT(NamedDevices("10.9.0.0/24,10.0.0.0/24", kOwn, {}).value(), ElementsAre("eth0"));
}

TEST(NamedDevices, KnowsPortsOfInfiniband) {
  const std::vector<std::string> known = {"mlx5_0"};
  EXPECT_THAT(NamedDevices("mlx5_0", kOwn, known).value(), ElementsAre("mlx5_0:1"));
  EXPECT_THAT(NamedDevices("mlx5_0:2,eth0", kOwn, known).value(), ElementsAre("mlx5_0:2", "eth0"));
  EXPECT_FALSE(NamedDevices("mlx5_1", kOwn, known).ok());
}

TEST(NamedDevices, SaysWhatThereIsInsteadOfWhatIsNotThere) {
  for (const std::string setting : {"eth7", "eth0,eth7", "10.0.0.0/33", "10.1.0.0/24", ""}) {
    const Status status = NamedDevices(setting, kOwn, {}).status();
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << setting;
    EXPECT_THAT(status.message(), HasSubstr("--network-interface " + setting)) << setting;
    EXPECT_THAT(status.message(), HasSubstr("lo, eth0, eth1")) << setting;
  }
}

TEST(CommonDevices, TakesTheSubnetThatAllHostsShare) {
  const std::vector<std::vector<DeviceAddress>> hosts = {
      kOwn,
      {Address("ens3", "10.0.0.2", 24), Address("ens4", "172.20.0.1", 16)},
      {Address("eth0", "10.0.0.3", 24), Address("eth1", "192.168.7.3", 20)}};
  EXPECT_THAT(CommonDevices(hosts[0], hosts), ElementsAre("eth0"));
  EXPECT_THAT(CommonDevices(hosts[1], hosts), ElementsAre("ens3"));
}

TEST(CommonDevices, ABridgeOfContainersIsNoWayToOthers) {
  const DeviceAddress bridge = Address("docker0", "172.17.0.1", 16);
  const std::vector<std::vector<DeviceAddress>> hosts = {{bridge, Address("eth0", "10.0.0.1", 24)},
                                                         {bridge, Address("eth0", "10.0.0.2", 24)}};
  EXPECT_THAT(CommonDevices(hosts[0], hosts), ElementsAre("eth0"));
}

TEST(CommonDevices, WithoutACommonSubnetAllButLoopbackMayLeadThere) {
  const std::vector<std::vector<DeviceAddress>> hosts = {
      {Loopback(), Address("eth0", "10.0.0.1", 24)}, {Loopback(), Address("eth0", "10.1.0.1", 24)}};
  EXPECT_THAT(CommonDevices(hosts[0], hosts), ElementsAre("eth0"));
  EXPECT_THAT(CommonDevices(std::vector<DeviceAddress>{Loopback()}, hosts), IsEmpty());
}

TEST(OwnDeviceAddresses, HasLoopbackWhereThatIsUp) {
  for (const DeviceAddress& one : OwnDeviceAddresses()) {
    EXPECT_FALSE(one.device.empty());
    if (one.device == "lo") {
      EXPECT_TRUE(one.host_bound);
    }
  }
}

}  // namespace
}  // namespace ronde
