#include "core/device/device_links.h"

#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "core/device/device_links_nvml.h"
#include "core/device/pci_places.h"
#include "tests/core/device/fake_nvml.h"

namespace ronde {
namespace {

std::string FixturePath(const std::string& name) {
  return std::string(RONDE_DEVICE_FIXTURES) + "/" + name;
}

DeviceLinks Fixture(const std::string& name) {
  std::ifstream file(FixturePath(name));
  std::stringstream text;
  text << file.rdbuf();
  Result<DeviceLinks> links = DeviceLinksFromJson(text.str(), name);
  EXPECT_TRUE(links.ok()) << links.status().message();
  return links.ok() ? std::move(links).value() : DeviceLinks();
}

// Eight GPUs, 18 links each to the switches, four on each NUMA node.
FakeNvml NvlinkBox() {
  FakeNvml nvml;
  for (const unsigned int bus : {0x1b, 0x29, 0x45, 0x4e, 0x9b, 0xaf, 0xcd, 0xe4}) {
    nvml.gpus.push_back({"NVIDIA H100 80GB HBM3", bus, 18, {}, true});
  }
  nvml.levels.assign(8, std::vector<int>(8, 50));
  for (int a = 0; a < 8; ++a) {
    for (int b = 0; b < 8; ++b) {
      if (a / 4 == b / 4) nvml.levels[a][b] = 40;
    }
  }
  nvml.p2p.assign(8, std::vector<bool>(8, true));
  return nvml;
}

// Three GPUs at one processor and one at the other, which the first three do not reach.
FakeNvml PcieBox() {
  FakeNvml nvml;
  for (const unsigned int bus : {0x18, 0x19, 0x3b, 0x86}) {
    nvml.gpus.push_back({"NVIDIA L40S", bus, 0, {}, true});
  }
  nvml.levels = {{0, 10, 30, 50}, {10, 0, 30, 50}, {30, 30, 0, 50}, {50, 50, 50, 0}};
  nvml.p2p.assign(4, {true, true, true, false});
  nvml.p2p[3] = {false, false, false, true};
  return nvml;
}

// What NVML does not know.
DeviceLinks WithPlacesOf(DeviceLinks links, const DeviceLinks& known) {
  for (std::size_t i = 0; i < links.devices().size(); ++i) {
    links.devices()[i].index = known.devices()[i].index;
    links.devices()[i].numa_node = known.devices()[i].numa_node;
  }
  return links;
}

TEST(DeviceLinks, OfAnNvlinkBoxAreReadFromNvml) {
  FakeNvml nvml = NvlinkBox();
  const DeviceLinks expected = Fixture("nvlink_8.json");
  const DeviceLinks links = LinksFromNvml(nvml.Table());
  EXPECT_EQ(WithPlacesOf(links, expected), expected);
  EXPECT_EQ(nvml.running, 0);
}

TEST(DeviceLinks, OfAPcieBoxAreReadFromNvml) {
  FakeNvml nvml = PcieBox();
  const DeviceLinks expected = Fixture("pcie_4.json");
  const DeviceLinks links = LinksFromNvml(nvml.Table());
  EXPECT_EQ(WithPlacesOf(links, expected), expected);
}

TEST(DeviceLinks, BetweenDirectlyLinkedDevicesAreCounted) {
  FakeNvml nvml = PcieBox();
  nvml.gpus[0].links_to = {1, 2, 1};
  nvml.gpus[1].links_to = {0, 0};
  nvml.gpus[2].links_to = {0};
  const DeviceLinks links = LinksFromNvml(nvml.Table());
  EXPECT_EQ(links.Between(0, 1), (DeviceLink{DeviceReach::kNvlink, 2, PcieDistance::kPix}));
  EXPECT_EQ(links.Between(2, 0), (DeviceLink{DeviceReach::kNvlink, 1, PcieDistance::kPhb}));
  EXPECT_EQ(links.Between(1, 2), (DeviceLink{DeviceReach::kPcie, 0, PcieDistance::kPhb}));
}

TEST(DeviceLinks, LeaveOutDevicesThatMayNotBeSeen) {
  FakeNvml nvml = PcieBox();
  nvml.gpus[1].visible = false;
  const DeviceLinks links = LinksFromNvml(nvml.Table());
  ASSERT_EQ(links.devices().size(), 3u);
  EXPECT_EQ(links.devices()[1].pci_bus_id, "0000:3b:00.0");
  EXPECT_EQ(links.Between(0, 1).distance, PcieDistance::kPhb);
}

TEST(DeviceLinks, OfAnOldDriverHaveNoPeerAccess) {
  FakeNvml nvml = NvlinkBox();
  NvmlTable table = nvml.Table();
  table.p2p_status = nullptr;
  table.common_ancestor = nullptr;
  table.name = nullptr;
  table.nvlink_active = nullptr;
  const DeviceLinks links = LinksFromNvml(table);
  ASSERT_EQ(links.devices().size(), 8u);
  EXPECT_EQ(links.Between(0, 7), DeviceLink());
}

TEST(DeviceLinks, AreNoneWithoutNvmlOrItsDriver) {
  FakeNvml nvml = NvlinkBox();
  nvml.starts = false;
  EXPECT_TRUE(LinksFromNvml(nvml.Table()).devices().empty());
  EXPECT_TRUE(LinksFromNvml(NvmlTable()).devices().empty());
}

TEST(DeviceLinks, AreAsGoodAsTheWorstOfThem) {
  const DeviceLinks nvlink = Fixture("nvlink_8.json");
  EXPECT_EQ(nvlink.WorstAmong({"0000:1b:00.0", "0000:e4:00.0", "0000:9b:00.0"}),
            DeviceReach::kNvlink);
  EXPECT_EQ(nvlink.WorstAmong({"0000:1b:00.0", "0000:01:00.0"}), DeviceReach::kNone);
  const DeviceLinks pcie = Fixture("pcie_4.json");
  EXPECT_EQ(pcie.WorstAmong({"0000:18:00.0", "0000:3b:00.0"}), DeviceReach::kPcie);
  EXPECT_EQ(pcie.WorstAmong({"0000:18:00.0", "0000:3b:00.0", "0000:86:00.0"}), DeviceReach::kNone);
  EXPECT_EQ(pcie.WorstAmong({"0000:18:00.0", "0000:18:00.0"}), DeviceReach::kNvlink);
}

TEST(DeviceLinks, SurviveJson) {
  for (const char* name : {"nvlink_8.json", "pcie_4.json"}) {
    const DeviceLinks links = Fixture(name);
    const Result<DeviceLinks> again = DeviceLinksFromJson(DeviceLinksToJson(links), "again");
    ASSERT_TRUE(again.ok()) << again.status().message();
    EXPECT_EQ(again.value(), links);
  }
}

TEST(DeviceLinks, OfAWrongFileAreRefusedByField) {
  const std::string text = R"({"devices": [], "links": [{"between": [0, 1], "kind": "nvlink",
                               "nvlinks": 1, "distance": "SYS"}]})";
  const Result<DeviceLinks> links = DeviceLinksFromJson(text, "file 'x'");
  ASSERT_FALSE(links.ok());
  EXPECT_EQ(links.status().code(), StatusCode::kInvalidArgument);
  EXPECT_NE(links.status().message().find("links[0].between"), std::string::npos)
      << links.status().message();
  EXPECT_FALSE(DeviceLinksFromJson("[]", "file 'x'").ok());
}

TEST(DeviceLinks, ArePrintedAsAMatrix) {
  EXPECT_EQ(Describe(Fixture("pcie_4.json")),
            "         cuda:0  cuda:1  cuda:2  (other) NUMA  PCI\n"
            "cuda:0   X       PIX     PHB     -       0     0000:18:00.0\n"
            "cuda:1   PIX     X       PHB     -       0     0000:19:00.0\n"
            "cuda:2   PHB     PHB     X       -       0     0000:3b:00.0\n"
            "(other)  -       -       -       X       1     0000:86:00.0\n"
            "NV<n>: n NVLinks; PIX, PXB, PHB, NODE, SYS: PCIe peer access, ever farther; -: only "
            "through the host\n");
  EXPECT_NE(Describe(Fixture("nvlink_8.json")).find("cuda:7   NV18"), std::string::npos);
  EXPECT_EQ(Describe(DeviceLinks()), "no devices\n");
}

TEST(DeviceLinks, GetTheirDistancesFromHwlocWhereNvmlIsMissing) {
  const DeviceLinks expected = Fixture("pcie_4.json");
  DeviceLinks links(expected.devices());
  for (DevicePlace& device : links.devices()) device.numa_node = -1;
  AddPciPlaces(&links, FixturePath("pcie_4.xml"));
  EXPECT_EQ(links.devices(), expected.devices());
  for (std::size_t a = 0; a < 4; ++a) {
    for (std::size_t b = a + 1; b < 4; ++b) {
      EXPECT_EQ(links.Between(a, b).distance, expected.Between(a, b).distance) << a << ", " << b;
    }
  }
}

TEST(DeviceLinks, KeepWhatIsKnownOfDevicesThatHwlocDoesNotFind) {
  DeviceLinks links(std::vector<DevicePlace>{{0, "a", "0000:ff:1f.0", 5}, {1, "b", "", -1}});
  links.Set(0, 1, {DeviceReach::kPcie, 0, PcieDistance::kUnknown});
  const DeviceLinks before = links;
  AddPciPlaces(&links);
  EXPECT_EQ(links, before);
}

TEST(DeviceLinks, AreDetectedOnThisMachineWhateverItHas) {
  const DeviceLinks links = DetectDeviceLinks();
  for (const DevicePlace& device : links.devices()) EXPECT_FALSE(device.name.empty());
}

}  // namespace
}  // namespace ronde
