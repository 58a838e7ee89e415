#include "collectives/device/hierarchical/plan_memory.h"

#include <array>
#include <span>
#include <vector>

#include "collectives/wire/wire_codec.h"

namespace ronde {
namespace {

std::span<float> Floats(std::byte* values, std::size_t size_bytes) {
  return {reinterpret_cast<float*>(values), size_bytes / sizeof(float)};
}

void Add(const PlanStep& step, const PlanSum& sum, const PlanMemory& memory) {
  std::vector<const void*> operands;
  for (const PlanPlace& place : step.reads) operands.push_back(memory.At(place));
  const PlanPlace& to = step.writes.front();
  Reduce(sum.op, sum.dtype, operands, memory.At(to),
         static_cast<std::int64_t>(to.size_bytes / SizeOf(sum.dtype)),
         sum.ForPartials(step.complete));
}

void AddDecoded(const PlanStep& step, const PlanSum& sum, const PlanMemory& memory) {
  const PlanPlace& to = step.writes.front();
  std::byte* const values = memory.At(to);
  for (const PlanPlace& place : step.reads) {
    DecodeAdd(sum.wire, memory.At(place), Floats(values, to.size_bytes));
  }
  const Scaling scaling = sum.ForPartials(step.complete);
  if (scaling.postscale == 1) return;
  Reduce(sum.op, sum.dtype, std::array<const void*, 1>{values}, values,
         static_cast<std::int64_t>(to.size_bytes / sizeof(float)), scaling);
}

}  // namespace

Scaling PlanSum::ForInputs(bool complete) const {
  return complete ? scaling : Scaling{.prescale = scaling.prescale};
}

Scaling PlanSum::ForPartials(bool complete) const {
  if (!complete) return {};
  return {.postscale = scaling.postscale, .divisor = scaling.divisor};
}

void RunHostStep(const PlanStep& step, const PlanSum& sum, const PlanMemory& memory) {
  std::byte* const to = memory.At(step.writes.front());
  const std::size_t to_bytes = step.writes.front().size_bytes;
  std::byte* const from = memory.At(step.reads.front());
  const std::size_t from_bytes = step.reads.front().size_bytes;
  switch (step.kind) {
    case PlanStepKind::kAdd:
      return Add(step, sum, memory);
    case PlanStepKind::kAddDecoded:
      return AddDecoded(step, sum, memory);
    case PlanStepKind::kEncode:
      return Encode(sum.wire, Floats(from, from_bytes), to);
    case PlanStepKind::kEncodeKeep:
      return EncodeAndRound(sum.wire, Floats(from, from_bytes), to);
    case PlanStepKind::kDecode:
      return Decode(sum.wire, from, Floats(to, to_bytes));
    default:
      return;
  }
}

}  // namespace ronde
