#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ronde {

/// A parser of foreign bytes, as both drivers see it; each fuzz_<name>.cc defines the one of its
/// program.
struct FuzzTarget {
  /// Parses `data` and checks what the parser promises; aborts where a promise is broken.
  /// Returns 0, as libFuzzer wants it.
  int (*run)(const std::uint8_t* data, std::size_t size);
  /// Well-formed inputs, which mutations start from.
  std::vector<std::string> (*seeds)();
  /// Words of the format, which mutations insert.
  std::span<const std::string_view> words;
};
extern const FuzzTarget kFuzzTarget;

}  // namespace ronde

/// Aborts, naming what does not hold; in every build type.
#define FUZZ_REQUIRE(condition)                                                          \
  do {                                                                                   \
    if (!(condition)) {                                                                  \
      std::fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                      \
    }                                                                                    \
  } while (false)
