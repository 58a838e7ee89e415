#include "bench/collectives/data_pattern.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>
#include <vector>

#include "bench/collectives/adasum_pattern.h"
#include "bench/collectives/element_io.h"

namespace ronde::bench {
namespace {

// Values repeat with a period that is prime: no block size in use is a multiple of it, so a block
// in the wrong place is seen, and large buffers are filled and compared as fast as memory goes.
constexpr std::int64_t kPeriod = 8191;

using Period = std::vector<double>;

std::uint64_t Mix(std::uint64_t index, std::uint64_t rank) {
  std::uint64_t mixed = (index + 1) * 0x9E3779B97F4A7C15u + (rank + 1) * 0xBF58476D1CE4E5B9u;
  mixed ^= mixed >> 29;
  return (mixed * 0x94D049BB133111EBu) >> 33;
}

// What `rank` gives: reductions stay within 1..5 (products 1 or 2), what is only moved uses all
// that 8 bits hold, which is what the smallest types can tell apart.
Period Given(const CollectiveCall& call, int rank) {
  Period period(kPeriod);
  for (std::int64_t i = 0; i < kPeriod; ++i) {
    const std::uint64_t mixed =
        Mix(static_cast<std::uint64_t>(i), static_cast<std::uint64_t>(rank));
    double& value = period[static_cast<std::size_t>(i)];
    if (!Reduces(call.collective)) {
      value = static_cast<double>(mixed % 251 + 1);
    } else if (call.op == ReduceOp::kProduct) {
      value = mixed % 8 == 0 ? 2 : 1;
    } else {
      value = static_cast<double>(mixed % 5 + 1);
    }
  }
  return period;
}

double Combine(double a, double b, ReduceOp op) {
  switch (op) {
    case ReduceOp::kSum:
    case ReduceOp::kAverage:
      return a + b;
    case ReduceOp::kMin:
      return std::min(a, b);
    case ReduceOp::kMax:
      return std::max(a, b);
    case ReduceOp::kProduct:
      return a * b;
    default:
      return NAN;  // not an elementwise operator: see Reduced
  }
}

Period Reduced(const CollectiveCall& call, int ranks) {
  if (call.op == ReduceOp::kAdasum) {
    std::vector<Period> given;
    for (int rank = 0; rank < ranks; ++rank) given.push_back(Given(call, rank));
    return AdasumOf(std::move(given), call.layout.count);
  }
  Period result = Given(call, 0);
  for (int rank = 1; rank < ranks; ++rank) {
    const Period next = Given(call, rank);
    std::transform(result.begin(), result.end(), next.begin(), result.begin(),
                   [&call](double a, double b) { return Combine(a, b, call.op); });
  }
  if (call.op == ReduceOp::kAverage) {
    for (double& value : result) {
      value /= ranks;
      if (!IsFloatingPoint(call.dtype)) value = std::trunc(value);
    }
  }
  return result;
}

// `period`, from its element `first` on, as bytes of the type.
std::vector<std::byte> Encoded(const Period& period, std::int64_t first, DataType dtype) {
  std::vector<std::byte> bytes(kPeriod * SizeOf(dtype));
  for (std::int64_t i = 0; i < kPeriod; ++i) {
    StoreAs(bytes.data(), i, dtype, period[static_cast<std::size_t>((first + i) % kPeriod)]);
  }
  return bytes;
}

std::int64_t CountWrongElements(const std::byte* data, const std::byte* expected,
                                std::int64_t count, DataType dtype, double tolerance) {
  std::int64_t wrong = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    const double value = LoadAs(expected, i, dtype);
    // Negated, so that NaN counts as wrong.
    if (!(std::abs(LoadAs(data, i, dtype) - value) <= tolerance * value)) ++wrong;
  }
  return wrong;
}

// How far elements may be off, relatively.
double Tolerance(const CollectiveCall& call, int ranks) {
  if (!Reduces(call.collective) || !IsFloatingPoint(call.dtype)) return 0;
  if (call.op == ReduceOp::kAdasum) return AdasumTolerance(call.dtype, ranks);
  return call.op == ReduceOp::kAverage ? UnitInLastPlace(call.dtype) : 0;
}

// Compares `count` elements with the period from its element `first` on.
std::int64_t CountWrongIn(const std::byte* data, std::int64_t count, const Period& period,
                          std::int64_t first, DataType dtype, double tolerance) {
  const std::vector<std::byte> expected = Encoded(period, first, dtype);
  std::int64_t wrong = 0;
  for (std::int64_t done = 0; done < count; done += kPeriod) {
    const std::int64_t elements = std::min(kPeriod, count - done);
    const std::size_t bytes = static_cast<std::size_t>(elements) * SizeOf(dtype);
    if (std::memcmp(data, expected.data(), bytes) != 0) {
      wrong += CountWrongElements(data, expected.data(), elements, dtype, tolerance);
    }
    data += bytes;
  }
  return wrong;
}

}  // namespace

void FillInput(const CollectiveCall& call, void* input, int rank) {
  const std::vector<std::byte> values = Encoded(Given(call, rank), 0, call.dtype);
  auto* const bytes = static_cast<std::byte*>(input);
  for (std::size_t done = 0; done < call.InputBytes(); done += values.size()) {
    std::memcpy(bytes + done, values.data(), std::min(values.size(), call.InputBytes() - done));
  }
}

std::int64_t CountWrong(const CollectiveCall& call, const void* output, int rank, int ranks) {
  const auto* const data = static_cast<const std::byte*>(output);
  const std::int64_t block = call.layout.count;
  const double tolerance = Tolerance(call, ranks);
  const auto compare = [&](const std::byte* at, const Period& period, std::int64_t first) {
    return CountWrongIn(at, block, period, first, call.dtype, tolerance);
  };
  const auto blocks = [&](std::int64_t first_given) {
    std::int64_t wrong = 0;
    for (int from = 0; from < ranks; ++from) {
      wrong += compare(data + from * call.BlockBytes(), Given(call, from), first_given);
    }
    return wrong;
  };
  switch (call.collective) {
    case Collective::kAllreduce:
      return compare(data, Reduced(call, ranks), 0);
    case Collective::kReducescatter:
      return compare(data, Reduced(call, ranks), rank * block);
    case Collective::kBroadcast:
      return compare(data, Given(call, call.root), 0);
    case Collective::kSendrecv:
      return compare(data, Given(call, (rank + ranks - 1) % ranks), 0);
    case Collective::kAllgather:
      return blocks(0);
    case Collective::kAlltoall:
      return blocks(rank * block);
  }
  return call.layout.output_count;
}

}  // namespace ronde::bench
