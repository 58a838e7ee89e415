// A parser with a planted defect, which the smoke driver must find and name.
#include <array>

#include "tests/fuzz/fuzz_target.h"

namespace ronde {
namespace {

int FuzzPlanted(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  FUZZ_REQUIRE(text.find("count=-") == std::string_view::npos);
  return 0;
}

std::vector<std::string> PlantedSeeds() { return {"count=4"}; }

constexpr std::array<std::string_view, 2> kWords = {"-", "9"};

}  // namespace

const FuzzTarget kFuzzTarget = {&FuzzPlanted, &PlantedSeeds, kWords};

}  // namespace ronde
