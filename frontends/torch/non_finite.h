#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <torch/torch.h>

namespace ronde {

/// A tensor of a module that holds a NaN or an infinity.
struct NonFinite {
  std::string name;  ///< "parameter 'fc.weight'", "gradient of 'fc.weight'" or "buffer 'bn1.x'"
  std::int64_t count = 0;     ///< elements that are not finite
  std::int64_t elements = 0;  ///< of the tensor
};

/// The first of them: parameters in order of registration, then gradients, then buffers. Nothing
/// where all are finite. Undefined and integer tensors are passed over. One pass over each tensor.
[[nodiscard]] std::optional<NonFinite> FirstNonFinite(const torch::nn::Module& module);

/// For messages: "parameter 'fc.weight' is not finite in 3 of 640 elements".
[[nodiscard]] std::string Describe(const NonFinite& found);

}  // namespace ronde
