#pragma once

#include <cstdint>

#include <torch/torch.h>

#include "frontends/session/session.h"

namespace ronde {

/// Zeros, 1-D, in memory that collectives reach on every rank of a host (Session::Allocate, on a
/// CUDA device Session::AllocateOn), so that they reduce it where it lies. Collective, with the
/// same arguments on all ranks. The tensor and its views keep the memory. Errors: Error, as
/// Session::Allocate.
[[nodiscard]] at::Tensor RegisteredTensor(Session& session, std::int64_t count,
                                          at::ScalarType dtype, at::Device place = at::kCPU);

}  // namespace ronde
