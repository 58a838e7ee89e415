#include "collectives/allreduce/tree_fold.h"

#include "collectives/cost_model.h"

namespace ronde {

double FoldUs(CollectiveContext& context, double data_us) {
  const int ranks = context.size();
  const int last = FoldStride(ranks);
  double cost_us = 0;
  for (int stride = 1; stride < last; stride *= 2) {
    const int left = (ranks + stride - 1) / stride;
    const double sending = static_cast<double>(left / 2) / ranks;
    cost_us += 2 * MessageUs(context, sending) + data_us;
  }
  return cost_us;
}

}  // namespace ronde
