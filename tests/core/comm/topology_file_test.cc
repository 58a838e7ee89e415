#include "core/comm/topology_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/text_file.h"
#include "tests/support/temporary_folder.h"

namespace ronde {
namespace {

using testing::HasSubstr;

TEST(TopologyFile, ThisMachineComesBackAsItWasWritten) {
  const TemporaryFolder folder;
  const Topology topology = DetectTopology();
  ASSERT_TRUE(WriteTopology(topology, folder.File("t.json")).ok());
  const auto read = ReadTopology(folder.File("t.json"));
  ASSERT_TRUE(read.ok()) << read.status().message();
  EXPECT_EQ(read.value(), topology);
}

TEST(TopologyFile, OnlyTheCoresHaveToBeKnown) {
  const auto topology = TopologyFromJson(R"({"available_cores": 3})", "t");
  ASSERT_TRUE(topology.ok()) << topology.status().message();
  EXPECT_EQ(topology.value().available_cores, 3);
  EXPECT_EQ(topology.value().packages, 0);
}

TEST(TopologyFile, MalformedContentsNameTheFieldAndWhatIsExpected) {
  const std::pair<const char*, const char*> cases[] = {
      {"{", "not JSON"},
      {"{}", "available_cores: expected an integer from 1"},
      {R"({"available_cores": 0})", "available_cores: expected"},
      {R"({"available_cores": 2, "cores": "2"})", "cores: expected an integer"},
      {R"({"available_cores": 2, "allowed_cpus": [0, -1]})", "allowed_cpus: expected a list"},
      {R"({"available_cores": 2, "packages": 2, "package_of_cpu": [0, 2]})",
       "package_of_cpu: expected a list of integers from -1 to 1"},
      {R"({"available_cores": 2, "sockets": 2})", "sockets: expected no field"}};
  for (const auto& [text, expected] : cases) {
    const auto topology = TopologyFromJson(text, "topology file 'x'");
    ASSERT_FALSE(topology.ok()) << text;
    EXPECT_EQ(topology.status().code(), StatusCode::kInvalidArgument);
    EXPECT_THAT(topology.status().message(), HasSubstr("topology file 'x': "));
    EXPECT_THAT(topology.status().message(), HasSubstr(expected)) << text;
  }
}

TEST(TopologyFile, TheSettingDecidesBetweenMachineAndFile) {
  const TemporaryFolder folder;
  Topology other = DetectTopology();
  other.cores = 96;
  ASSERT_TRUE(WriteTopology(other, folder.File("t.json")).ok());
  Config config;
  EXPECT_EQ(TopologyFor(config).value(), DetectTopology());
  ASSERT_TRUE(config.Set(Setting::kTopology, folder.File("t.json"), SettingOrigin::kFlag).ok());
  EXPECT_EQ(TopologyFor(config).value().cores, 96);
  ASSERT_TRUE(config.Set(Setting::kTopology, folder.File("none"), SettingOrigin::kFlag).ok());
  EXPECT_THAT(TopologyFor(config).status().message(), HasSubstr("--topology"));
}

}  // namespace
}  // namespace ronde
