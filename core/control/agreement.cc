#include "core/control/agreement.h"

#include <array>
#include <charconv>
#include <cmath>
#include <string>
#include <utility>

#include "core/base/strcat.h"
#include "core/control/rank_extents.h"

namespace ronde {
namespace {

/// The shortest text that reads back as the same number: two that differ must not look alike.
std::string NumberText(double value) {
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  return {text.data(), end};
}

bool SameNumber(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

/// Whether the ranks' first dimensions may differ.
bool JoinsRows(const Request& r) {
  return (r.kind == OperationKind::kAllgather && !r.into_output) ||
         r.kind == OperationKind::kAlltoall;
}

bool SameShape(const Request& a, const Request& b) {
  if (a.group_counts != b.group_counts) return false;
  if (!JoinsRows(a)) return a.shape == b.shape;
  if (a.shape.size() != b.shape.size()) return false;
  for (std::size_t i = 1; i < a.shape.size(); ++i) {
    if (a.shape[i] != b.shape[i]) return false;
  }
  return true;
}

std::string TensorText(const Request& r) {
  if (r.group_counts.empty()) return StrCat(Name(r.dtype), " ", ToString(r.shape));
  return StrCat(Name(r.dtype), " in a group of ", ToString(r.group_counts), " elements");
}

std::string WindowText(const Request& r) {
  return StrCat("an average at step ", r.window.step, " with period ", r.window.period,
                " and origin ", r.window.origin);
}

/// Something in which all ranks must agree, and how a message speaks of it.
struct Field {
  std::string_view plural;
  bool (*same)(const Request&, const Request&);
  std::string (*text)(const Request&);
};

std::string GroupText(const Request& r) {
  if (r.group.empty()) return "no group";
  return StrCat("group '", r.group, "' of ", r.group_size);
}

constexpr std::array<Field, 13> kFields = {{
    {"operations", [](const Request& a, const Request& b) { return a.kind == b.kind; },
     [](const Request& r) { return std::string(Name(r.kind)); }},
    {"destinations",
     [](const Request& a, const Request& b) { return a.into_output == b.into_output; },
     [](const Request& r) {
       return StrCat(Name(r.kind), r.into_output ? " into a given output" : " without an output");
     }},
    {"data types", [](const Request& a, const Request& b) { return a.dtype == b.dtype; },
     TensorText},
    {"shapes", SameShape, TensorText},
    {"reduction operators", [](const Request& a, const Request& b) { return a.op == b.op; },
     [](const Request& r) { return StrCat("operator ", Name(r.op)); }},
    {"roots", [](const Request& a, const Request& b) { return a.root == b.root; },
     [](const Request& r) { return StrCat("root ", r.root); }},
    {"prescale factors",
     [](const Request& a, const Request& b) { return SameNumber(a.prescale, b.prescale); },
     [](const Request& r) { return StrCat("prescale ", NumberText(r.prescale)); }},
    {"postscale factors",
     [](const Request& a, const Request& b) { return SameNumber(a.postscale, b.postscale); },
     [](const Request& r) { return StrCat("postscale ", NumberText(r.postscale)); }},
    {"groups",
     [](const Request& a, const Request& b) {
       return a.group == b.group && a.group_size == b.group_size;
     },
     GroupText},
    {"members", [](const Request& a, const Request& b) { return a.members == b.members; },
     [](const Request& r) { return StrCat("members ", ToString(r.members)); }},
    {"process sets",
     [](const Request& a, const Request& b) { return a.process_set == b.process_set; },
     [](const Request& r) { return StrCat("process set ", r.process_set); }},
    {"memories", [](const Request& a, const Request& b) { return a.on_device == b.on_device; },
     [](const Request& r) { return std::string(r.on_device ? "device memory" : "host memory"); }},
    {"average windows", [](const Request& a, const Request& b) { return a.window == b.window; },
     WindowText},
}};

Status CheckEqual(const std::vector<Request>& requests, std::span<const int> ranks) {
  const Request& first = requests.front();
  for (std::size_t i = 1; i < requests.size(); ++i) {
    for (const Field& field : kFields) {
      if (field.same(first, requests[i])) continue;
      const bool joins = field.same == SameShape && JoinsRows(first);
      return Status::Mismatch(
          StrCat("tensor '", first.name, "': rank ", ranks[0], " submitted ", field.text(first),
                 " but rank ", ranks[i], " submitted ", field.text(requests[i]), "; ", field.plural,
                 " must be equal on all ranks", joins ? " except in the first dimension" : ""));
    }
  }
  return Status::Ok();
}

/// What a rank finds wrong with its own buffers concerns all.
Status CheckObjections(const std::vector<Request>& requests, std::span<const int> ranks) {
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const Request& request = requests[i];
    if (request.objection.empty()) continue;
    const bool is_memory = request.kind == OperationKind::kAllocate;
    return {is_memory ? StatusCode::kUnavailable : StatusCode::kInvalidArgument,
            StrCat("tensor '", request.name, "': on rank ", ranks[i], " ", request.objection)};
  }
  return Status::Ok();
}

Status CheckScale(const Request& request, std::string_view what, double value) {
  if (!std::isfinite(value)) {
    return Status::InvalidArgument(StrCat("tensor '", request.name, "': ", what, " ",
                                          NumberText(value), " is not a finite number"));
  }
  if (value != 1 && !IsFloatingPoint(request.dtype)) {
    return Status::InvalidArgument(StrCat("tensor '", request.name, "': ", what, " ",
                                          NumberText(value), " needs a floating-point type, not ",
                                          Name(request.dtype)));
  }
  return Status::Ok();
}

Status CheckWindow(const Request& request) {
  const AverageWindow& window = request.window;
  if (window.period < 1 || window.origin < 0 || window.step < 1) {
    return Status::InvalidArgument(StrCat(
        "tensor '", request.name, "': ", WindowText(request),
        "; the period must be at least 1, steps count from 1 and the origin is not negative"));
  }
  if (!IsFloatingPoint(request.dtype)) {
    return Status::InvalidArgument(StrCat("tensor '", request.name, "': a model average needs a ",
                                          "floating-point type, not ", Name(request.dtype)));
  }
  return Status::Ok();
}

/// In the same words on all ranks, before anything runs.
Status CheckOperator(const Request& request) {
  if (request.kind != OperationKind::kAllreduce || IsElementwise(request.op) ||
      IsFloatingPoint(request.dtype)) {
    return Status::Ok();
  }
  return Status::InvalidArgument(StrCat("tensor '", request.name, "': operator ", Name(request.op),
                                        " needs a floating-point type, not ", Name(request.dtype),
                                        "; use average or sum"));
}

/// The ranks of a new process set: some of the `size` ranks of the world, ascending.
Status CheckMembers(const Request& request, std::size_t size) {
  std::int64_t last = -1;
  bool valid = !request.members.empty();
  for (const std::int64_t member : request.members) {
    valid = valid && member > last && member < static_cast<std::int64_t>(size);
    last = member;
  }
  if (valid) return Status::Ok();
  return Status::InvalidArgument(StrCat("a process set of ranks ", ToString(request.members),
                                        ": give at least one rank, each once and ascending, from ",
                                        "0 to ", size - 1));
}

/// What changes who takes part comes into force as it is agreed: it cannot be held back.
Status CheckGroup(const Request& request) {
  if (request.group.empty()) return Status::Ok();
  if (request.group_size < 1) {
    return Status::InvalidArgument(StrCat("tensor '", request.name, "': ", GroupText(request),
                                          " has no members; give how many operations are in it"));
  }
  switch (request.kind) {
    case OperationKind::kJoin:
    case OperationKind::kAddProcessSet:
    case OperationKind::kRemoveProcessSet:
      return Status::InvalidArgument(StrCat("tensor '", request.name, "': a ", Name(request.kind),
                                            " cannot be in a group, here '", request.group,
                                            "'; submit it by itself"));
    default:
      return Status::Ok();
  }
}

bool NeedsRows(OperationKind kind) {
  return kind == OperationKind::kAllgather || kind == OperationKind::kReducescatter ||
         kind == OperationKind::kAlltoall;
}

/// What is wrong with a request that all `size` ranks have submitted.
Status CheckFeasible(const Request& request, std::size_t size) {
  RONDE_RETURN_IF_ERROR(CheckScale(request, "prescale", request.prescale));
  RONDE_RETURN_IF_ERROR(CheckScale(request, "postscale", request.postscale));
  RONDE_RETURN_IF_ERROR(CheckOperator(request));
  RONDE_RETURN_IF_ERROR(CheckGroup(request));
  if (request.root < 0 || static_cast<std::size_t>(request.root) >= size) {
    return Status::InvalidArgument(StrCat("tensor '", request.name, "': root ", request.root,
                                          " does not exist; ranks are 0 to ", size - 1));
  }
  if (NeedsRows(request.kind) && request.shape.empty()) {
    return Status::InvalidArgument(StrCat("tensor '", request.name, "': ", Name(request.kind),
                                          " works along the first dimension, but a scalar has ",
                                          "none; submit it with shape [1]"));
  }
  if (request.kind == OperationKind::kReducescatter && !IsElementwise(request.op)) {
    return Status::InvalidArgument(StrCat("tensor '", request.name, "': reducescatter cannot use ",
                                          "operator ", Name(request.op), ", which needs the whole ",
                                          "tensor; use allreduce"));
  }
  if (request.kind == OperationKind::kModelAverage) return CheckWindow(request);
  if (request.kind == OperationKind::kAddProcessSet) return CheckMembers(request, size);
  return Status::Ok();
}

/// Where a buffer lies is each rank's own affair; it counts where all of them did the same.
void KeepCommonPlaces(std::vector<Request>& requests) {
  Request& first = requests.front();
  for (const Request& request : requests) {
    if (request.input_place != first.input_place) first.input_place = {};
    if (request.output_place != first.output_place) first.output_place = {};
  }
}

}  // namespace

Response Agree(std::vector<Request> requests, std::span<const int> ranks) {
  Response response;
  response.error = CheckEqual(requests, ranks);
  if (response.error.ok()) response.error = CheckObjections(requests, ranks);
  if (response.error.ok()) response.error = CheckFeasible(requests.front(), requests.size());
  if (response.error.ok()) response.error = ListExtents(requests, ranks, response.rank_extents);
  if (!response.error.ok()) response.rank_extents.clear();
  KeepCommonPlaces(requests);
  response.request = std::move(requests.front());
  return response;
}

}  // namespace ronde
