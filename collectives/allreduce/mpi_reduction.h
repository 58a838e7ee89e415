#pragma once

#include <cstdint>
#include <optional>

#include <mpi.h>

#include "core/base/types.h"

namespace ronde {

/// The MPI datatype and operator of a reduction. float16 and bfloat16, which MPI lacks, and uint8,
/// whose sum some libraries saturate, use our own operators. Both handles live until MPI_Finalize;
/// kAverage is a sum.
struct MpiReduction {
  MPI_Datatype datatype;
  MPI_Op op;
};

/// Nothing when MPI refuses to make the operator. Call between MPI_Init and MPI_Finalize.
[[nodiscard]] std::optional<MpiReduction> MpiReductionFor(DataType dtype, ReduceOp op);

}  // namespace ronde
