#include "core/base/build_report.h"

#include <array>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ronde {
namespace {

using testing::HasSubstr;

TEST(BuildReport, MarksWhatIsThereAndSaysHowToGetTheRest) {
  constexpr std::array kFeatures = {
      BuildFeature{"MPI library", "Open MPI 4.1.4"},
      BuildFeature{"UCX", "no"},
      BuildFeature{"libtorch", "2.11.0"},
      BuildFeature{"hwloc", "2.9.0"},
      BuildFeature{"processor", "x86_64"},
  };
  EXPECT_EQ(FormatBuildReport("0.1.0", DescribeBuild(kFeatures)), R"(Ronde 0.1.0

Frontends
  [X] C (ronde.h)
  [X] libtorch            2.11.0

Transports
  [X] in_process
  [X] mpi                 Open MPI 4.1.4
  [ ] ucx                 install libucx-dev

Collectives
  [X] CPU, shared memory
  [ ] CUDA                not in this version: tensors on the CPU only
  [ ] NCCL                needs CUDA, and nccl.h: install libnccl-dev

Devices
  [ ] CUDA                install the CUDA toolkit, or let -DRONDE_CUDA=ON say why not

SIMD
  [X] baseline
  [X] AVX2, AVX-512       chosen at run time; ronde-info shows which

Topology
  [X] hwloc               2.9.0
)");
}

TEST(BuildReport, CoversEveryOptionalPartOfThisBuild) {
  const std::vector<BuildGroup> groups = DescribeBuild(BuildFeatures());
  const std::string text = FormatBuildReport("0.1.0", groups);
  for (const BuildFeature& feature : BuildFeatures()) {
    const bool is_part =
        feature.name == "MPI library" || feature.name == "UCX" || feature.name == "libtorch";
    if (!is_part || feature.value == "no") continue;
    EXPECT_THAT(text, HasSubstr(std::string(feature.value)));
  }
  EXPECT_EQ(groups.size(), 6U);
}

}  // namespace
}  // namespace ronde
