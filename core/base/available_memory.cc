#include "core/base/available_memory.h"

#include <cinttypes>
#include <cstdio>
#include <fstream>
#include <string>

namespace ronde {

std::uint64_t AvailableMemoryBytes() {
  std::ifstream file("/proc/meminfo");
  for (std::string line; std::getline(file, line);) {
    std::uint64_t kibibytes = 0;
    if (std::sscanf(line.c_str(), "MemAvailable: %" SCNu64, &kibibytes) == 1) {
      return kibibytes * 1024;
    }
  }
  return UINT64_MAX;
}

}  // namespace ronde
