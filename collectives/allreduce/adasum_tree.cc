#include "collectives/allreduce/adasum_tree.h"

#include <algorithm>

#include "collectives/kernels/reduce_call.h"

namespace ronde {
namespace {

constexpr std::int64_t kMaxSegments = 256;
// A multiple of a cache line for every type, so that no two ranks write to one.
constexpr std::int64_t kMinSegmentElements = 256;

std::int64_t SegmentElements(std::int64_t count) {
  const std::int64_t equal = (count + kMaxSegments - 1) / kMaxSegments;
  return std::max(kMinSegmentElements,
                  (equal + kMinSegmentElements - 1) / kMinSegmentElements * kMinSegmentElements);
}

// A vector on its way up the tree; `scale` is still to be applied.
struct Vector {
  AdasumOperand elements;
  double scale = 1;
};

struct Factors {
  double a = 1;
  double b = 1;
};

// scale - other_scale * (ab / norm) / 2, that is scale * (1 - a.b / (2 |a|^2)) of scaled vectors.
// In float64, as are the sums: scaling needs no pass over the elements, and results are rounded
// once.
double FactorOf(double norm, double ab, double scale, double other_scale) {
  return norm == 0 || scale == 0 ? scale : scale - other_scale * (ab / norm) / 2;
}

Factors FactorsFor(const AdasumSums& sums, const Vector& a, const Vector& b) {
  return {FactorOf(sums.aa, sums.ab, a.scale, b.scale),
          FactorOf(sums.bb, sums.ab, b.scale, a.scale)};
}

class Tree {
 public:
  explicit Tree(const AdasumPart& part)
      : part_(part),
        kernels_(BestReduceKernels().adasum[static_cast<int>(part.dtype)]),
        value_bytes_(static_cast<std::size_t>(part.count()) * AdasumValueBytes(part.dtype)) {
    for (const void* input : part.inputs) level_.push_back({{input, true}, part.prescale});
  }

  int pairs() const { return static_cast<int>(level_.size()) / 2; }
  bool at_root() const { return level_.size() == 2; }

  void ComputeSums() const {
    for (int segment = part_.first_segment; segment < part_.last_segment; ++segment) {
      const std::int64_t begin = part_.segments.begin(segment) - part_.begin();
      const std::int64_t count = part_.segments.begin(segment + 1) - part_.segments.begin(segment);
      for (int pair = 0; pair < pairs(); ++pair) {
        part_.sums[segment * pairs() + pair] =
            kernels_.sums(level_[2 * pair].elements, level_[2 * pair + 1].elements, begin, count);
      }
    }
  }

  void CombineToOutput() const {
    const Factors factors = FactorsFor(SumsOf(0), level_[0], level_[1]);
    kernels_.combine(level_[0].elements, part_.postscale * factors.a, level_[1].elements,
                     part_.postscale * factors.b, {part_.output, true}, 0, part_.count());
  }

  // Results go to the front of `values`, one after another: at most the first one's own operands
  // lie there, as later ones lie behind them.
  void CombineToNextLevel() {
    std::vector<Vector> next;
    for (int pair = 0; pair < pairs(); ++pair) {
      const Vector& a = level_[2 * pair];
      const Vector& b = level_[2 * pair + 1];
      const Factors factors = FactorsFor(SumsOf(pair), a, b);
      void* const place = part_.values + static_cast<std::size_t>(pair) * value_bytes_;
      kernels_.combine(a.elements, factors.a, b.elements, factors.b, {place, false}, 0,
                       part_.count());
      next.push_back({{place, false}, 1});
    }
    if (level_.size() % 2 == 1) next.push_back(level_.back());
    level_ = std::move(next);
  }

 private:
  AdasumSums SumsOf(int pair) const {
    AdasumSums total;
    for (int segment = 0; segment < part_.segments.size(); ++segment) {
      const AdasumSums& sums = part_.sums[segment * pairs() + pair];
      total.aa += sums.aa;
      total.bb += sums.bb;
      total.ab += sums.ab;
    }
    return total;
  }

  const AdasumPart& part_;
  const AdasumKernels& kernels_;
  std::size_t value_bytes_;
  std::vector<Vector> level_;
};

}  // namespace

AdasumSegments::AdasumSegments(std::int64_t count)
    : count_(count),
      elements_(SegmentElements(count)),
      size_(static_cast<int>((count + elements_ - 1) / elements_)) {}

std::int64_t AdasumSegments::begin(int segment) const {
  return std::min(count_, segment * elements_);
}

int AdasumSegments::FirstOf(int rank, int ranks) const {
  return static_cast<int>(std::int64_t{size_} * rank / ranks);
}

std::size_t AdasumValueBytes(DataType dtype) { return std::max(SizeOf(dtype), sizeof(float)); }

Status ReduceAdasum(const AdasumPart& part, const std::function<Status(int pairs)>& share) {
  Tree tree(part);
  while (true) {
    tree.ComputeSums();
    RONDE_RETURN_IF_ERROR(share(tree.pairs()));
    if (tree.at_root()) break;
    tree.CombineToNextLevel();
  }
  tree.CombineToOutput();
  return Status::Ok();
}

}  // namespace ronde
