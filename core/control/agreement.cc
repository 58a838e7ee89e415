#include "core/control/agreement.h"

#include <array>
#include <charconv>
#include <cmath>
#include <string>
#include <utility>

#include "core/base/strcat.h"

namespace ronde {
namespace {

/// The shortest text that reads back as the same number: two that differ must not look alike.
std::string NumberText(double value) {
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  return {text.data(), end};
}

bool SameNumber(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

bool SameShape(const Request& a, const Request& b) {
  if (a.group_counts != b.group_counts) return false;
  if (a.kind != OperationKind::kAllgather) return a.shape == b.shape;
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

constexpr std::array<Field, 8> kFields = {{
    {"operations", [](const Request& a, const Request& b) { return a.kind == b.kind; },
     [](const Request& r) { return std::string(Name(r.kind)); }},
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
    {"average windows", [](const Request& a, const Request& b) { return a.window == b.window; },
     WindowText},
}};

Status CheckEqual(const std::vector<Request>& requests) {
  const Request& first = requests.front();
  for (std::size_t rank = 1; rank < requests.size(); ++rank) {
    for (const Field& field : kFields) {
      if (field.same(first, requests[rank])) continue;
      const bool gather = field.same == SameShape && first.kind == OperationKind::kAllgather;
      return Status::Mismatch(
          StrCat("tensor '", first.name, "': rank 0 submitted ", field.text(first), " but rank ",
                 rank, " submitted ", field.text(requests[rank]), "; ", field.plural,
                 " must be equal on all ranks", gather ? " except in the first dimension" : ""));
    }
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

/// What is wrong with a request that all `size` ranks have submitted.
Status CheckFeasible(const Request& request, std::size_t size) {
  RONDE_RETURN_IF_ERROR(CheckScale(request, "prescale", request.prescale));
  RONDE_RETURN_IF_ERROR(CheckScale(request, "postscale", request.postscale));
  if (request.root < 0 || static_cast<std::size_t>(request.root) >= size) {
    return Status::InvalidArgument(StrCat("tensor '", request.name, "': root ", request.root,
                                          " does not exist; ranks are 0 to ", size - 1));
  }
  if (request.kind == OperationKind::kAllgather && request.shape.empty()) {
    return Status::InvalidArgument(StrCat("tensor '", request.name, "': allgather joins tensors ",
                                          "along their first dimension, but a scalar has none; ",
                                          "submit it with shape [1]"));
  }
  if (request.kind == OperationKind::kModelAverage) return CheckWindow(request);
  return Status::Ok();
}

/// First dimensions in rank order; the gathered tensor must be as countable as its parts.
Status GatherExtents(const std::vector<Request>& requests, std::vector<std::int64_t>& extents) {
  Request gathered = requests.front();
  gathered.shape[0] = 0;
  for (const Request& request : requests) {
    extents.push_back(request.shape[0]);
    if (__builtin_add_overflow(gathered.shape[0], request.shape[0], &gathered.shape[0])) {
      return Status::InvalidArgument(
          StrCat("tensor '", gathered.name, "': the gathered tensor has more rows than fit"));
    }
  }
  return Validate(gathered);
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

Response Agree(std::vector<Request> requests) {
  Response response;
  response.error = CheckEqual(requests);
  if (response.error.ok()) response.error = CheckFeasible(requests.front(), requests.size());
  if (response.error.ok() && requests.front().kind == OperationKind::kAllgather) {
    response.error = GatherExtents(requests, response.rank_extents);
    if (!response.error.ok()) response.rank_extents.clear();
  }
  KeepCommonPlaces(requests);
  response.request = std::move(requests.front());
  return response;
}

}  // namespace ronde
