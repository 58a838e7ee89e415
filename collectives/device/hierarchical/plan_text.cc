#include <array>
#include <string>

#include "collectives/device/hierarchical/plan.h"
#include "core/base/strcat.h"

namespace ronde {
namespace {

constexpr std::array<std::string_view, 13> kKinds = {
    "enter",  "reduce-local", "copy-out",    "encode",  "send",         "receive", "add",
    "decode", "add-decoded",  "encode-keep", "copy-in", "gather-local", "leave"};
constexpr std::array<std::string_view, 5> kEngines = {"compute", "copy-out", "copy-in", "host",
                                                      "wire"};
constexpr std::array<std::string_view, 3> kSpaces = {"tensor", "pinned", "room"};

template <typename Items, typename Text>
std::string Joined(const Items& items, std::string_view between, const Text& text) {
  std::string out;
  for (const auto& item : items) out += StrCat(out.empty() ? "" : between, text(item));
  return out;
}

std::string_view NetName(NetForm form) {
  switch (form) {
    case NetForm::kPairwise:
      return "pairwise";
    case NetForm::kOneShot:
      return "direct in one shot";
    case NetForm::kRing:
      return "ring";
    default:
      return "direct";
  }
}

}  // namespace

std::string_view Name(PlanStepKind kind) { return kKinds[static_cast<std::size_t>(kind)]; }
std::string_view Name(PlanEngine engine) { return kEngines[static_cast<std::size_t>(engine)]; }

std::string ToString(const PlanPlace& place) {
  const std::string_view space = kSpaces[static_cast<std::size_t>(place.space)];
  const std::string slot = place.space == PlanSpace::kTensor ? "" : StrCat(" ", place.slot);
  return StrCat(space, slot, "[", place.begin, "..", place.end(), ")");
}

std::string ToString(const PlanStep& step) {
  std::string text = step.chunk < 0 ? "" : StrCat("chunk ", step.chunk, " ");
  text += Name(step.kind);
  if (Name(step.kind) != Name(step.engine)) text += StrCat(" on ", Name(step.engine));
  if (step.kind == PlanStepKind::kSend) text += StrCat(" to host ", step.peer);
  if (step.kind == PlanStepKind::kReceive) text += StrCat(" from host ", step.peer);
  const auto place = [](const PlanPlace& item) { return ToString(item); };
  if (!step.reads.empty()) text += StrCat(" ", Joined(step.reads, " + ", place));
  if (!step.writes.empty()) text += StrCat(" -> ", Joined(step.writes, ", ", place));
  if (step.complete) text += " complete";
  const auto number = [](int item) { return StrCat(item); };
  if (!step.after.empty()) text += StrCat(" after ", Joined(step.after, " ", number));
  return text;
}

std::string ToString(const DevicePlan& plan) {
  std::string text =
      StrCat("host ", plan.host, " local rank ", plan.local_rank, " of ", plan.local_size, ", ",
             plan.carriers, plan.carriers == 1 ? " carrier" : " carriers", ", ", plan.tensor_bytes,
             " bytes in ", plan.chunks, plan.chunks == 1 ? " chunk, " : " chunks, ", plan.slots,
             " slots of ", plan.slot_bytes, " bytes\n");
  for (std::size_t number = 0; number < plan.steps.size(); ++number) {
    text += StrCat("#", number, " ", ToString(plan.steps[number]), "\n");
  }
  return text;
}

std::string Describe(const DevicePlanShape& shape) {
  const DevicePlan plan = MakeDevicePlan(shape, 0, 0);
  const std::string who =
      plan.carriers == 1 && plan.local_size > 1 ? "leader" : StrCat("rails of ", plan.carriers);
  const std::string chunks = StrCat(plan.chunks, plan.chunks == 1 ? " chunk" : " chunks");
  if (shape.hosts() == 1) return StrCat("one host of ", plan.local_size, ", ", chunks);
  const std::string wire = shape.wire == WireFormat::kSame ? "" : StrCat(" as ", Name(shape.wire));
  const std::string way = StrCat(shape.gpu_direct ? "from device memory with " : "staged in ",
                                 plan.slots, " slots of ", (plan.slot_bytes + 1023) / 1024, " KiB");
  return StrCat(who, ", net ", NetName(shape.net), wire, ", ", way, ", ", chunks);
}

}  // namespace ronde
