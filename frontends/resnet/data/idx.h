#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/status.h"

namespace ronde {

/// The contents of an IDX file of unsigned bytes (the format of MNIST and its successors).
struct IdxArray {
  std::vector<std::uint32_t> dimensions;
  std::vector<std::uint8_t> values;  ///< row-major
};

/// Reads `path`, gzip-compressed or not, which must hold unsigned bytes of `rank` dimensions.
/// Errors: kInvalidArgument, one line with the file, what was expected, what was found and what to
/// do: file missing, wrong magic, truncated or damaged, longer than its header says.
/// Source: http://yann.lecun.com/exdb/mnist/ ("the IDX file format").
[[nodiscard]] Result<IdxArray> ReadIdx(const std::string& path, int rank);

}  // namespace ronde
