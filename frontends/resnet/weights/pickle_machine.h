#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "core/base/status.h"

namespace ronde {

/// What a pickle is made of. Calls and persistent identifiers are kept, not carried out.
enum class PickleKind : std::uint8_t {
  kNone,
  kBool,
  kInteger,
  kReal,
  kString,
  kGlobal,      ///< text: "torch\nFloatStorage"
  kTuple,       ///< also lists
  kDict,        ///< items: key, value, key, value, ...
  kCall,        ///< items: global, tuple of arguments
  kPersistent,  ///< items: the tuple that identifies it
};

/// A value; `items` are places in PickleValues. Values refer to each other by place, so that
/// neither cycles nor depth can exhaust the stack or leak.
struct PickleValue {
  PickleKind kind = PickleKind::kNone;
  std::int64_t integer = 0;
  std::string_view text;  ///< part of the pickle
  std::vector<std::uint32_t> items;
};

/// All values of a pickle, and which of them it stands for.
struct PickleValues {
  std::vector<PickleValue> values;
  std::uint32_t root = 0;
};

/// Reads the opcodes that Python's and libtorch's picklers use for plain data at protocol 2. An
/// OrderedDict is a kDict. At most 200 000 values. Safe for any input; `pickle` must outlive the
/// result. Error: kInvalidArgument, one line.
/// Source: Python's Lib/pickletools.py.
[[nodiscard]] Result<PickleValues> RunPickle(std::string_view pickle);

}  // namespace ronde
