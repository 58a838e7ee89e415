#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "collectives/allreduce/algorithm.h"
#include "collectives/reducescatter/reducescatter.h"
#include "core/base/status.h"
#include "core/base/types.h"
#include "core/control/executor.h"
#include "core/control/message.h"
#include "tensor_fusion/pack.h"

// What agreed operations are to collectives, in whichever memory they run.

namespace ronde {

/// All of an allreduce but its buffers and their places.
[[nodiscard]] AllreduceArguments ArgumentsFor(const Request& request);
/// The same with the places: for what runs in the buffers of the request itself.
[[nodiscard]] AllreduceArguments PlacedArgumentsFor(const Request& request);
/// Of a group, `tensors`, that lies as it would be packed in memory of all ranks: as one buffer, in
/// place. Error: kInternal where it does not lie so.
[[nodiscard]] Result<AllreduceArguments> ArgumentsWhereItLies(
    const Request& request, std::span<const PackedTensor> tensors);

/// Elements of a row: of everything but the first dimension, which there must be.
[[nodiscard]] std::int64_t RowElements(const Shape& shape);
/// A reducescatter among `ranks` ranks; sets `blocks`, which must outlive the result, to the
/// elements of each rank's block.
[[nodiscard]] ReducescatterArguments ReducescatterArgumentsFor(const ReadyOperation& operation,
                                                               int ranks,
                                                               std::vector<std::int64_t>& blocks);

}  // namespace ronde
