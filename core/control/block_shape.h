#pragma once

#include <cstdint>

#include "core/base/types.h"

namespace ronde {

/// Rows of rank `rank` when `rows` are dealt to `ranks` ranks in order: the first (rows mod ranks)
/// ranks have one more than the others. All of them where there are no ranks.
[[nodiscard]] std::int64_t ReducescatterRows(std::int64_t rows, int rank, int ranks);

/// How many rows the ranks before it have.
[[nodiscard]] std::int64_t ReducescatterBegin(std::int64_t rows, int rank, int ranks);

/// What rank `rank` gets of a reducescatter of `input`, along the first dimension; a scalar, which
/// cannot be dealt, is left as it is.
[[nodiscard]] Shape ReducescatterShape(const Shape& input, int rank, int ranks);

/// What an allgather of this shape from every rank fills; scalars make a vector. More rows than
/// can be counted are left as they are: the negotiation refuses them.
[[nodiscard]] Shape AllgatherShape(const Shape& input, int ranks);

}  // namespace ronde
