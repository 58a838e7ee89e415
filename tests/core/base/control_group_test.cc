#include "core/base/control_group.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace ronde {
namespace {

using Folders = std::vector<std::string>;

TEST(ControlGroupFolders, LeadFromTheProcesssOwnGroupToTheRoot) {
  EXPECT_EQ(ControlGroupFolders("0::/slurm/job_7/step_0\n", "", "/cg"),
            (Folders{"/cg/slurm/job_7/step_0", "/cg/slurm/job_7", "/cg/slurm", "/cg"}));
}

TEST(ControlGroupFolders, AreTheRootAloneForAProcessThatIsThere) {
  EXPECT_EQ(ControlGroupFolders("0::/\n", "", "/cg"), Folders{"/cg"});
}

TEST(ControlGroupFolders, OfVersion1AreThoseOfTheController) {
  const char* const groups =
      "9:name=systemd:/user\n"
      "5:memory:/job/step\n"
      "4:cpu,cpuacct:/a:b\n"
      "0::/unified";
  EXPECT_EQ(ControlGroupFolders(groups, "memory", "/m"), (Folders{"/m/job/step", "/m/job", "/m"}));
  EXPECT_EQ(ControlGroupFolders(groups, "cpuacct", "/c"), (Folders{"/c/a:b", "/c"}));
  EXPECT_EQ(ControlGroupFolders(groups, "", "/u"), (Folders{"/u/unified", "/u"}));
  EXPECT_EQ(ControlGroupFolders(groups, "acct", "/c"), Folders());
}

TEST(ControlGroupFolders, AreNoneWhereTheProcessIsInNoneOfThatKind) {
  for (const char* groups :
       {"", "\n", "0:", "0::", "0::a", "memory", "3:memory", "5:memory:/a\n"}) {
    EXPECT_EQ(ControlGroupFolders(groups, "", "/cg"), Folders()) << groups;
  }
}

}  // namespace
}  // namespace ronde
