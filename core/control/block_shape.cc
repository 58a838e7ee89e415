#include "core/control/block_shape.h"

#include <algorithm>

namespace ronde {

std::int64_t ReducescatterRows(std::int64_t rows, int rank, int ranks) {
  if (ranks < 1) return rows;  // of a set that does not exist, which is yet to be refused
  return rows / ranks + (rank < rows % ranks ? 1 : 0);
}

std::int64_t ReducescatterBegin(std::int64_t rows, int rank, int ranks) {
  return rows / ranks * rank + std::min<std::int64_t>(rank, rows % ranks);
}

Shape ReducescatterShape(const Shape& input, int rank, int ranks) {
  Shape block = input;
  if (!block.empty()) block[0] = ReducescatterRows(input[0], rank, ranks);
  return block;
}

Shape AllgatherShape(const Shape& input, int ranks) {
  if (input.empty()) return {ranks};
  Shape gathered = input;
  if (__builtin_mul_overflow(input[0], ranks, &gathered[0])) gathered[0] = input[0];
  return gathered;
}

}  // namespace ronde
