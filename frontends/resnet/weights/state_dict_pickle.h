#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/status.h"
#include "core/base/tensor_view.h"

namespace ronde {

/// A tensor as the pickle of torch.save describes it: a view of a storage that lies elsewhere.
struct PickledTensor {
  std::string storage;  ///< "12": the record data/12
  std::string dtype;    ///< "F32", as in safetensors
  std::uint64_t storage_count = 0;
  std::uint64_t offset = 0;  ///< in elements
  Shape sizes;
  Shape strides;
};

/// Reads the record data.pkl of torch.save(model.state_dict()), or of any dict of tensors by name:
/// the same that Python's weights-only reader admits and states consist of. Nothing is executed: a
/// pickle that refers to anything but tensors, their storages and OrderedDict is refused. Every
/// view lies inside its storage and has no more elements. Safe for any input.
/// Error: kInvalidArgument, one line without the file's name.
[[nodiscard]] Result<std::vector<std::pair<std::string, PickledTensor>>> ParseStateDictPickle(
    std::string_view pickle);

}  // namespace ronde
