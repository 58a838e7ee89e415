#pragma once

#include <cstddef>
#include <vector>

#include <torch/torch.h>

namespace ronde {

/// Which gradients travel together, as positions in `parameters`: neighbours of one type, from the
/// last parameter on, since that is about the order in which a backward pass makes gradients (and
/// that of FlatGradients). A bucket is closed as soon as it has `bucket_size_bytes`. Read from
/// types and sizes alone, so it is the same on all ranks.
[[nodiscard]] std::vector<std::vector<std::size_t>> PlanGradientBuckets(
    const std::vector<at::Tensor>& parameters, std::size_t bucket_size_bytes);

}  // namespace ronde
