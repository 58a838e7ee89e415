#include "tests/conformance/adasum_reference.h"

#include <cmath>
#include <cstdint>
#include <utility>

#include "core/base/strcat.h"
#include "tests/conformance/allreduce_values.h"

namespace ronde {
namespace {

using Values = std::vector<long double>;

long double Dot(const Values& a, const Values& b) {
  long double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

long double Factor(long double norm, long double ab) { return norm == 0 ? 1 : 1 - ab / (2 * norm); }

struct Node {
  Values values;
  Values magnitudes;  // what rounding errors are relative to
};

Node Pair(const Node& a, const Node& b) {
  const long double ab = Dot(a.values, b.values);
  const long double a_factor = Factor(Dot(a.values, a.values), ab);
  const long double b_factor = Factor(Dot(b.values, b.values), ab);
  Node sum = a;
  for (std::size_t i = 0; i < a.values.size(); ++i) {
    sum.values[i] = a_factor * a.values[i] + b_factor * b.values[i];
    // Errors of the factors count too: these are at most |a| |b| / |a|^2 off by one.
    sum.magnitudes[i] = (1 + std::abs(1 - a_factor)) * a.magnitudes[i] +
                        (1 + std::abs(1 - b_factor)) * b.magnitudes[i];
  }
  return sum;
}

Node TreeOf(std::vector<Node> level) {
  while (level.size() > 1) {
    std::vector<Node> next;
    for (std::size_t i = 0; i + 1 < level.size(); i += 2) {
      next.push_back(Pair(level[i], level[i + 1]));
    }
    if (level.size() % 2 == 1) next.push_back(level.back());
    level = std::move(next);
  }
  return level.front();
}

}  // namespace

AdasumReference::AdasumReference(DataType dtype, const std::vector<std::vector<std::byte>>& inputs,
                                 double prescale, double postscale)
    : dtype_(dtype), postscale_(postscale), ranks_(inputs.size()) {
  std::vector<Node> leaves;
  for (const std::vector<std::byte>& input : inputs) {
    Node leaf;
    const auto count = static_cast<std::int64_t>(input.size() / SizeOf(dtype));
    for (std::int64_t i = 0; i < count; ++i) {
      leaf.values.push_back(prescale * static_cast<long double>(FloatAt(dtype, input.data(), i)));
      leaf.magnitudes.push_back(std::abs(leaf.values.back()));
    }
    leaves.push_back(std::move(leaf));
  }
  Node root = TreeOf(std::move(leaves));
  for (long double& value : root.values) value *= postscale;
  values_ = std::move(root.values);
  magnitudes_ = std::move(root.magnitudes);
}

std::string AdasumReference::Check(const void* result) const {
  // Once a level in the type of intermediate vectors, once in the result's; dot products of some
  // hundred float64 additions in a row.
  const double levels = std::ceil(std::log2(static_cast<double>(ranks_))) + 1;
  const double value_unit = std::min(UnitRoundoff(DataType::kFloat32), UnitRoundoff(dtype_));
  const double unit = UnitRoundoff(dtype_) + levels * (4 * value_unit + 0x1p-44);
  for (std::size_t i = 0; i < values_.size(); ++i) {
    const double bound = unit * std::abs(postscale_) * static_cast<double>(magnitudes_[i]) +
                         (dtype_ == DataType::kFloat16 ? 0x1p-24 : 0);
    const double got = FloatAt(dtype_, result, static_cast<std::int64_t>(i));
    const auto expected = static_cast<double>(values_[i]);
    if (std::abs(got - expected) <= bound) continue;
    return StrCat("element ", i, " is ", got, ", expected ", expected, " within ", bound);
  }
  return "";
}

}  // namespace ronde
