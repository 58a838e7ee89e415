#include "tests/collectives/device/hierarchical/plan_shapes.h"

#include "core/base/strcat.h"

namespace ronde {
namespace {

constexpr std::size_t kChunk = 1024;

void AddWays(std::vector<PlanCase>& cases, const std::string& name, DevicePlanShape shape) {
  shape.dtype = DataType::kFloat32;
  cases.push_back({name + "Staged", shape});
  if (shape.hosts() == 1) return;
  shape.gpu_direct = true;
  cases.push_back({name + "Direct", shape});
  shape.gpu_direct = false;
  shape.wire = WireFormat::kInt8;
  cases.push_back({name + "Int8", shape});
}

void AddForms(std::vector<PlanCase>& cases, const std::string& name, DevicePlanShape shape) {
  AddWays(cases, name, shape);
  for (const NetForm form : {NetForm::kOneShot, NetForm::kDirect, NetForm::kRing}) {
    if (shape.hosts() == 1 || form == shape.net) continue;
    shape.net = form;
    const std::string called = form == NetForm::kRing     ? "Ring"
                               : form == NetForm::kDirect ? "Pieces"
                                                          : "OneShot";
    AddWays(cases, name + called, shape);
  }
}

}  // namespace

std::vector<PlanCase> PlanCases() {
  std::vector<PlanCase> cases;
  for (const int hosts : {1, 2, 3, 4}) {
    AddForms(cases, StrCat("Eight", "X", hosts), EvenShape(hosts, 8, 20000, kChunk));
    AddForms(cases, StrCat("One", "X", hosts), EvenShape(hosts, 1, 5000, kChunk));
  }
  AddForms(cases, "TwoX2", EvenShape(2, 2, 9999, kChunk));
  AddWays(cases, "EightX16", EvenShape(16, 8, 6000, kChunk));
  AddWays(cases, "OneX17", EvenShape(17, 1, 3001, kChunk));
  DevicePlanShape uneven = EvenShape(2, 8, 5001, kChunk);
  uneven.ranks_per_host = {8, 4};
  AddForms(cases, "Uneven8And4", uneven);
  uneven.ranks_per_host = {1, 3, 2};
  uneven.net = NetForm::kDirect;
  AddForms(cases, "Uneven1And3And2", uneven);
  DevicePlanShape leader = EvenShape(3, 4, 700, kChunk);
  leader.leader = true;
  AddForms(cases, "Leader4X3", leader);
  for (const std::int64_t count : {0, 1, 15, 16, 17, 63, 257}) {
    AddForms(cases, StrCat("TwoX3Count", count), EvenShape(3, 2, count, kChunk));
  }
  return cases;
}

}  // namespace ronde
