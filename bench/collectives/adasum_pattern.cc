#include "bench/collectives/adasum_pattern.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "bench/collectives/element_io.h"

namespace ronde::bench {
namespace {

using Values = std::vector<double>;

double Dot(const Values& a, const Values& b, std::int64_t count) {
  const auto period = static_cast<std::int64_t>(a.size());
  double whole = 0;  // of one period
  double rest = 0;   // of what begins the last one
  for (std::int64_t i = 0; i < period; ++i) {
    const double product = a[static_cast<std::size_t>(i)] * b[static_cast<std::size_t>(i)];
    whole += product;
    if (i < count % period) rest += product;
  }
  return whole * static_cast<double>(count / period) + rest;
}

Values Pair(const Values& a, const Values& b, std::int64_t count) {
  const double dot = Dot(a, b, count);
  const double a_factor = 1 - dot / (2 * Dot(a, a, count));
  const double b_factor = 1 - dot / (2 * Dot(b, b, count));
  Values result(a.size());
  std::transform(a.begin(), a.end(), b.begin(), result.begin(),
                 [=](double x, double y) { return a_factor * x + b_factor * y; });
  return result;
}

}  // namespace

std::vector<double> AdasumOf(std::vector<std::vector<double>> given, std::int64_t count) {
  while (given.size() > 1) {
    std::vector<Values> next;
    for (std::size_t i = 0; i + 1 < given.size(); i += 2) {
      next.push_back(Pair(given[i], given[i + 1], count));
    }
    if (given.size() % 2 == 1) next.push_back(std::move(given.back()));
    given = std::move(next);
  }
  return std::move(given.front());
}

double AdasumTolerance(DataType dtype, int ranks) {
  const int levels = std::bit_width(static_cast<unsigned>(ranks - 1));
  const double value_unit = dtype == DataType::kFloat64 ? 0x1p-44 : 0x1p-22;
  return 2 * UnitInLastPlace(dtype) + levels * value_unit;
}

}  // namespace ronde::bench
