#include "tests/soak/reference.h"

#include <algorithm>
#include <cmath>

#include "core/control/block_shape.h"
#include "tests/soak/elements.h"
#include "tests/soak/random.h"

namespace ronde::soak {
namespace {

bool HasJoined(const Operation& operation, int member) {
  return !operation.joined.empty() && operation.joined[static_cast<std::size_t>(member)];
}

int SizeOfSet(const Operation& operation) { return static_cast<int>(operation.members.size()); }

std::int64_t RowsOf(const Operation& operation, int tensor) {
  return operation.rows[static_cast<std::size_t>(tensor)];
}

std::int64_t DealtTo(const Operation& operation, int first, int second) {
  return operation.dealt[static_cast<std::size_t>(first)][static_cast<std::size_t>(second)];
}

bool Scatters(const Operation& operation) {
  return operation.form == Form::kReducescatter || operation.form == Form::kScatterGroup;
}

bool Gathers(const Operation& operation) {
  return operation.form == Form::kAllgather || operation.form == Form::kAllgatherInto ||
         operation.form == Form::kGatherGroup;
}

std::int64_t GatheredRows(const Operation& operation, int tensor, int member) {
  return HasJoined(operation, member) ? 0 : DealtTo(operation, tensor, member);
}

// The reduction over all members, at `index` of the input.
double Reduced(const Operation& operation, int tensor, std::int64_t index) {
  double value = 0;
  for (int member = 0; member < SizeOfSet(operation); ++member) {
    const double input = HasJoined(operation, member)
                             ? 0
                             : operation.prescale * InputAt(operation, member, tensor, index);
    if (member == 0) {
      value = input;
      continue;
    }
    switch (operation.op) {
      case ReduceOp::kMin:
        value = std::min(value, input);
        break;
      case ReduceOp::kMax:
        value = std::max(value, input);
        break;
      case ReduceOp::kProduct:
        value *= input;
        break;
      default:
        value += input;
    }
  }
  if (operation.op == ReduceOp::kAverage) {
    value /= SizeOfSet(operation);
    if (!IsFloatingPoint(operation.dtype)) value = std::trunc(value);
  }
  return value * operation.postscale;
}

// Where `index` of a gathered tensor comes from.
double Gathered(const Operation& operation, int tensor, std::int64_t index) {
  std::int64_t row = index / operation.columns;
  for (int member = 0; member < SizeOfSet(operation); ++member) {
    const std::int64_t rows = GatheredRows(operation, tensor, member);
    if (row < rows) {
      return InputAt(operation, member, tensor,
                     row * operation.columns + index % operation.columns);
    }
    row -= rows;
  }
  return std::nan("");
}

double Exchanged(const Operation& operation, int to, std::int64_t index) {
  std::int64_t row = index / operation.columns;
  for (int from = 0; from < SizeOfSet(operation); ++from) {
    const std::int64_t rows = DealtTo(operation, from, to);
    if (row < rows) {
      for (int before = 0; before < to; ++before) row += DealtTo(operation, from, before);
      return InputAt(operation, from, 0, row * operation.columns + index % operation.columns);
    }
    row -= rows;
  }
  return std::nan("");
}

}  // namespace

double InputAt(const Operation& operation, int member, int tensor, std::int64_t index) {
  const std::uint64_t noise = Mix(operation.values + static_cast<std::uint64_t>(member) * 1000003u +
                                      static_cast<std::uint64_t>(tensor) * 7919u,
                                  static_cast<std::uint64_t>(index)) >>
                              20;
  if (operation.op == ReduceOp::kProduct) {
    // At most three members double the product, which then fits into every type.
    return member < 3 && noise % 2 == 1 ? 2 : 1;
  }
  const auto value = static_cast<double>(noise % 8);
  return operation.dtype == DataType::kUInt8 ? value : value - 4;
}

std::int64_t InputCount(const Operation& operation, int member, int tensor) {
  if (operation.form == Form::kBarrier) return 0;
  if (Gathers(operation)) return DealtTo(operation, tensor, member) * operation.columns;
  if (operation.form == Form::kAlltoall) {
    std::int64_t rows = 0;
    for (int to = 0; to < SizeOfSet(operation); ++to) rows += DealtTo(operation, member, to);
    return rows * operation.columns;
  }
  return RowsOf(operation, tensor) * operation.columns;
}

std::int64_t OutputCount(const Operation& operation, int member, int tensor) {
  const int size = SizeOfSet(operation);
  std::int64_t rows = 0;
  if (Gathers(operation)) {
    for (int from = 0; from < size; ++from) rows += GatheredRows(operation, tensor, from);
  } else if (operation.form == Form::kAlltoall) {
    for (int from = 0; from < size; ++from) rows += DealtTo(operation, from, member);
  } else if (Scatters(operation)) {
    rows = ReducescatterRows(RowsOf(operation, tensor), member, size);
  } else {
    return InputCount(operation, member, tensor);
  }
  return rows * operation.columns;
}

double OutputAt(const Operation& operation, int member, int tensor, std::int64_t index) {
  if (Gathers(operation)) return Gathered(operation, tensor, index);
  if (operation.form == Form::kAlltoall) return Exchanged(operation, member, index);
  if (operation.form == Form::kBroadcast) {
    return InputAt(operation, operation.root, tensor, index);
  }
  if (operation.form == Form::kModelAverage && operation.step % kAveragePeriod != 0) {
    return InputAt(operation, member, tensor, index);
  }
  if (!Scatters(operation)) return Reduced(operation, tensor, index);
  std::int64_t row = 0;
  for (int before = 0; before < member; ++before) {
    row += ReducescatterRows(RowsOf(operation, tensor), before, SizeOfSet(operation));
  }
  return Reduced(operation, tensor, row * operation.columns + index);
}

double Tolerance(const Operation& operation) {
  if (operation.op != ReduceOp::kAverage || !IsFloatingPoint(operation.dtype)) return 0;
  return 2 * Spacing(operation.dtype);
}

}  // namespace ronde::soak
