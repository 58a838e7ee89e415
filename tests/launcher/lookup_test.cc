#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "launcher/host_lookup.h"
#include "launcher/network_interface.h"
#include "launcher/program_lookup.h"

namespace ronde {
namespace {

using testing::HasSubstr;

class ProgramLookup : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(beside_);
    std::filesystem::create_directories(in_path_);
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  static void MakeFile(const std::string& path, mode_t mode) {
    std::ofstream(path) << "x";
    chmod(path.c_str(), mode);
  }

  const std::string root_ = testing::TempDir() + "/ronde_lookup_test";
  const std::string beside_ = root_ + "/beside";
  const std::string in_path_ = root_ + "/path";
  const std::string search_path_ = "/nonexistent::" + in_path_;
};

TEST_F(ProgramLookup, PrefersTheFolderBesideRonderunToPath) {
  MakeFile(in_path_ + "/train", 0755);
  EXPECT_EQ(FindProgram("train", beside_, search_path_).value(), in_path_ + "/train");
  MakeFile(beside_ + "/train", 0755);
  EXPECT_EQ(FindProgram("train", beside_, search_path_).value(), beside_ + "/train");
}

TEST_F(ProgramLookup, TakesANameWithASlashAsAPath) {
  MakeFile(beside_ + "/train", 0755);
  EXPECT_EQ(FindProgram(beside_ + "/train", "/", "").value(), beside_ + "/train");
  EXPECT_THAT(FindProgram("./train", beside_, search_path_).status().message(),
              HasSubstr("'./train' does not exist"));
}

TEST_F(ProgramLookup, SaysWhyAFileIsNoProgram) {
  MakeFile(beside_ + "/data", 0644);
  EXPECT_THAT(FindProgram(beside_ + "/data", "/", "").status().message(),
              HasSubstr("is not executable"));
  EXPECT_THAT(FindProgram(beside_, "/", "").status().message(), HasSubstr("is a folder"));
  EXPECT_THAT(FindProgram("train", beside_, search_path_).status().message(),
              HasSubstr("neither beside ronderun (" + beside_ + ") nor in PATH"));
}

TEST(HostLookup, KnowsThisMachineAndNamesAnUnknownOne) {
  EXPECT_TRUE(CheckHostsResolve({{"localhost", 1}, {OwnHostName(), 1}, {"127.0.0.1", 1}}).ok());
  EXPECT_THAT(CheckHostsResolve({{"localhost", 1}, {"no-such-host.invalid", 1}}).message(),
              HasSubstr("'no-such-host.invalid'"));
}

TEST(HostLookup, RefusesIpv6AddressesWithTheRemedy) {
  EXPECT_EQ(CheckHostsResolve({{"fd00::7", 1}}).message(),
            "host 'fd00::7' is an IPv6 address, which mpirun does not take; give it a name in "
            "/etc/hosts or DNS");
}

TEST(HostLookup, KnowsTheNamesAndAddressesOfThisMachine) {
  const std::string own = OwnHostName();
  for (const std::string& host : {std::string("localhost"), own, own + ".cluster.org",
                                  std::string("127.0.0.1"), std::string("127.0.1.1")}) {
    EXPECT_TRUE(IsOwnHost(host)) << host;
  }
  const Result<std::vector<NetworkInterface>> interfaces = OwnInterfaces();
  ASSERT_TRUE(interfaces.ok());
  for (const NetworkInterface& interface : interfaces.value()) {
    for (const InterfaceAddress& address : interface.addresses) {
      if (address.address.find(':') != std::string::npos) continue;
      EXPECT_TRUE(IsOwnHost(address.address)) << address.address;
    }
  }
  EXPECT_FALSE(IsOwnHost("192.0.2.77"));  // documentation's, nobody's
}

TEST(HostLookup, CountsAtLeastOneCore) { EXPECT_GE(LocalCoreCount(), 1); }

}  // namespace
}  // namespace ronde
