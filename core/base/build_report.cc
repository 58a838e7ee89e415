#include "core/base/build_report.h"

#include <algorithm>
#include <array>

#include "core/base/strcat.h"

namespace ronde {
namespace {

constexpr std::string_view kAbsent = "no";
constexpr std::string_view kNowhere = "-";  // a feature that no build has yet
constexpr std::string_view kVectorSets = "AVX2, AVX-512";

// A row of the table: which fact says whether the part is there, and how one gets it.
struct PartSource {
  std::string_view group;
  std::string_view name;
  std::string_view feature;  ///< "" for a part of every build
  std::string_view remedy;
};

constexpr std::array kParts = {
    PartSource{"Frontends", "C (ronde.h)", "", ""},
    PartSource{"Frontends", "libtorch", "libtorch", "./dev setup installs it"},
    PartSource{"Transports", "in_process", "", ""},
    PartSource{"Transports", "mpi", "MPI library", "install libopenmpi-dev and openmpi-bin"},
    PartSource{"Transports", "ucx", "UCX", "install libucx-dev"},
    PartSource{"Collectives", "CPU, shared memory", "", ""},
    PartSource{"Collectives", "CUDA", kNowhere, "not in this version: tensors on the CPU only"},
    PartSource{"Collectives", "NCCL", "NCCL", "needs CUDA, and nccl.h: install libnccl-dev"},
    PartSource{"Devices", "CUDA", "CUDA",
               "install the CUDA toolkit, or let -DRONDE_CUDA=ON say why not"},
    PartSource{"SIMD", "baseline", "", ""},
    PartSource{"SIMD", kVectorSets, "processor", "only on x86-64"},
    PartSource{"Topology", "hwloc", "hwloc", "install libhwloc-dev"},
};

std::string_view ValueOf(std::span<const BuildFeature> features, std::string_view name) {
  for (const BuildFeature& feature : features) {
    if (feature.name == name) return feature.value;
  }
  return kAbsent;
}

BuildPart Describe(const PartSource& source, std::span<const BuildFeature> features) {
  if (source.feature.empty()) return {std::string(source.name), true, ""};
  std::string_view value = ValueOf(features, source.feature);
  if (source.name == kVectorSets) {
    const bool has_them = value == "x86_64" || value == "AMD64";
    value = has_them ? "chosen at run time; ronde-info shows which" : kAbsent;
  }
  const bool present = !value.empty() && value != kAbsent;
  return {std::string(source.name), present, std::string(present ? value : source.remedy)};
}

}  // namespace

std::vector<BuildGroup> DescribeBuild(std::span<const BuildFeature> features) {
  std::vector<BuildGroup> groups;
  for (const PartSource& source : kParts) {
    if (groups.empty() || groups.back().title != source.group) {
      groups.push_back({std::string(source.group), {}});
    }
    groups.back().parts.push_back(Describe(source, features));
  }
  return groups;
}

std::string FormatBuildReport(std::string_view version, std::span<const BuildGroup> groups) {
  std::size_t width = 0;
  for (const BuildGroup& group : groups) {
    for (const BuildPart& part : group.parts) width = std::max(width, part.name.size());
  }
  std::string text = StrCat("Ronde ", version, "\n");
  for (const BuildGroup& group : groups) {
    text += StrCat("\n", group.title, "\n");
    for (const BuildPart& part : group.parts) {
      const std::string gap(part.detail.empty() ? 0 : width - part.name.size() + 2, ' ');
      text += StrCat("  [", part.present ? 'X' : ' ', "] ", part.name, gap, part.detail, "\n");
    }
  }
  return text;
}

}  // namespace ronde
