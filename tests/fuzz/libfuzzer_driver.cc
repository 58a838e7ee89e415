// The same targets under libFuzzer, which brings the main function.
#include "tests/fuzz/fuzz_target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return ronde::kFuzzTarget.run(data, size);
}
