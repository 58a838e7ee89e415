#include "collectives/device/nccl/nccl_library.h"

#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/strcat.h"

namespace ronde {
namespace {

using ::testing::ExitedWithCode;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kOld = STUB_NCCL_OLD;                // 2.10.3
constexpr const char* kIncomplete = STUB_NCCL_INCOMPLETE;  // 2.28.9

// What is loaded stays, so each case has a process of its own: it ends with 0 if `text` has all
// of `parts`.
[[noreturn]] void ExitWith(const std::string& text, std::initializer_list<const char*> parts) {
  for (const char* part : parts) {
    if (text.find(part) != std::string::npos) continue;
    std::fprintf(stderr, "'%s' is not in '%s'\n", part, text.c_str());
    std::_Exit(1);
  }
  std::_Exit(0);
}

TEST(NcclVersion, IsReadFromItsCode) {
  EXPECT_EQ(NcclVersionText(22809), "2.28.9");
  EXPECT_EQ(NcclVersionText(21400), "2.14.0");
  EXPECT_EQ(NcclVersionText(2804), "2.8.4");
}

TEST(NcclVersion, BelowTheFirstWithNonBlockingCommunicatorsIsRefusedInWords) {
  EXPECT_TRUE(CheckNcclVersion(21400, "libnccl.so.2").ok());
  const Status status = CheckNcclVersion(21304, "/opt/libnccl.so.2");
  EXPECT_EQ(status.code(), StatusCode::kUnavailable);
  EXPECT_THAT(status.message(), HasSubstr("2.13.4 (/opt/libnccl.so.2)"));
  EXPECT_THAT(status.message(), HasSubstr("2.14.0"));
}

TEST(SeveralNccl, AreToldWithTheirPlaces) {
  EXPECT_THAT(SeveralNcclWarning({}, ""), IsEmpty());
  const std::vector<std::string> one = {"/a/libnccl.so.2"};
  EXPECT_THAT(SeveralNcclWarning(one, "/a/libnccl.so.2"), IsEmpty());
  const std::vector<std::string> two = {"/a/libnccl.so.2", "/b/libnccl.so.2"};
  const std::string warning = SeveralNcclWarning(two, "/b/libnccl.so.2");
  EXPECT_THAT(warning, HasSubstr("/a/libnccl.so.2, /b/libnccl.so.2"));
  EXPECT_THAT(warning, HasSubstr("Ronde uses /b/libnccl.so.2"));
}

TEST(MappedNccl, FindsEveryOneThatTheProcessHas) {
  EXPECT_EXIT(
      {
        if (dlopen(kOld, RTLD_NOW) == nullptr || dlopen(kIncomplete, RTLD_NOW) == nullptr) {
          std::_Exit(2);
        }
        const std::vector<std::string> paths = MappedNccl();
        if (paths.size() != 2) std::_Exit(3);
        ExitWith(SeveralNcclWarning(paths, kOld), {kOld, kIncomplete});
      },
      ExitedWithCode(0), "");
}

TEST(LoadNccl, RefusesDevicesThatAreNotOfCuda) {
  const auto nccl = LoadNccl(DeviceKind::kSimulated);
  EXPECT_EQ(nccl.status().code(), StatusCode::kUnavailable);
  EXPECT_EQ(NcclVersionFor(DeviceKind::kSimulated), 0);
}

class OpenNcclTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!BuiltWithNccl()) {
      EXPECT_THAT(OpenNccl("libnccl.so.2").status().message(), HasSubstr("nccl.h"));
      GTEST_SKIP() << "built without NCCL";
    }
  }
};

TEST_F(OpenNcclTest, SaysInTheLoadersWordsWhatIsMissing) {
  const auto nccl = OpenNccl("libnccl-that-is-nowhere.so.2");
  EXPECT_EQ(nccl.status().code(), StatusCode::kUnavailable);
  EXPECT_THAT(nccl.status().message(), HasSubstr("libnccl-that-is-nowhere.so.2"));
  EXPECT_THAT(nccl.status().message(), HasSubstr("LD_LIBRARY_PATH"));
}

TEST_F(OpenNcclTest, RefusesAnOldOneBeforeItLooksForMore) {
  EXPECT_EXIT(ExitWith(OpenNccl(kOld).status().message(), {"2.10.3", kOld, "2.14.0"}),
              ExitedWithCode(0), "");
}

TEST_F(OpenNcclTest, NamesTheFunctionThatIsMissing) {
  EXPECT_EXIT(ExitWith(OpenNccl(kIncomplete).status().message(), {"ncclGetErrorString"}),
              ExitedWithCode(0), "");
}

TEST_F(OpenNcclTest, TakesTheOneThatTheProcessHasAlready) {
  EXPECT_EXIT(
      {
        if (dlopen(kOld, RTLD_NOW) == nullptr) std::_Exit(2);
        // By its name, as the real one is asked for: the dynamic linker would find another.
        ExitWith(OpenNccl("libnccl.so.2").status().message(), {kOld});
      },
      ExitedWithCode(0), "");
}

TEST_F(OpenNcclTest, LoadsTheRealOneOfThisMachineOnce) {
  EXPECT_EXIT(
      {
        const auto nccl = LoadNccl(DeviceKind::kCuda);
        if (!nccl.ok()) ExitWith(nccl.status().message(), {"cannot be loaded"});  // none here
        NcclApi& api = *nccl.value();
        std::fprintf(stderr, "NCCL %s (%s)\n", NcclVersionText(api.version()).c_str(),
                     api.path().c_str());
        if (LoadNccl(DeviceKind::kCuda).value() != &api || MappedNccl().size() != 1) std::_Exit(2);
        if (NcclVersionFor(DeviceKind::kCuda) != api.version()) std::_Exit(3);
        if (api.version() < kOldestNccl) std::_Exit(4);
        ExitWith(StrCat(api.path(), api.ErrorString(NcclResult::kSuccess)),
                 {"libnccl.so", "no error"});
      },
      ExitedWithCode(0), "");
}

TEST_F(OpenNcclTest, TakesTheOneThatTorchsWheelBringsAlong) {
  constexpr const char* kWheel = WHEEL_NCCL;
  if (*kWheel == '\0') GTEST_SKIP() << "no wheel of NCCL beside libtorch";
  EXPECT_EXIT(
      {
        if (dlopen(kWheel, RTLD_NOW | RTLD_LOCAL) == nullptr) std::_Exit(2);
        const auto nccl = OpenNccl("libnccl.so.2");
        if (!nccl.ok()) ExitWith(nccl.status().message(), {"a version"});
        ExitWith(StrCat(nccl.value()->path(), " and ", MappedNccl().size()), {kWheel, " and 1"});
      },
      ExitedWithCode(0), "");
}

}  // namespace
}  // namespace ronde
