#pragma once

#include <map>
#include <string>

#include "core/base/status.h"
#include "frontends/torch/tensor_bridge.h"

namespace ronde {

/// The contents of a safetensors file.
struct TensorFile {
  NamedTensors tensors;
  std::map<std::string, std::string> metadata;
};

/// Writes `file` to `path`, fsync included; the caller chooses a temporary name and renames. Values
/// are in row-major order whatever the strides, one tensor at a time; tensors lie in the file by
/// element size, the largest first, so that each is aligned, and otherwise in the order given.
/// On error nothing is left behind.
/// Errors: kInvalidArgument for a tensor or name that the format cannot hold (dtypes: F64, F32,
/// F16, BF16, I64, I32, I16, I8, U8, BOOL); kUnavailable, "PATH: cannot be written: why".
[[nodiscard]] Status WriteSafetensors(const TensorFile& file, const std::string& path);

/// Reads a safetensors file into new contiguous CPU tensors, in the order of the file. Every
/// length, offset, shape and dtype is checked before use: safe for any input; never throws.
/// Error: kInvalidArgument, one line that names the file and what is wrong.
[[nodiscard]] Result<TensorFile> ReadSafetensors(const std::string& path);

}  // namespace ronde
