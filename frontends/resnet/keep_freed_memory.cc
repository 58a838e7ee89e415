#include "frontends/resnet/keep_freed_memory.h"

#include <malloc.h>

#include <climits>

namespace ronde {
namespace {

// Above it malloc maps and unmaps every block by itself; the largest that glibc takes on 64 bits.
constexpr int kMmapThresholdBytes = 32 << 20;

}  // namespace

void KeepFreedMemory() {
  mallopt(M_MMAP_THRESHOLD, kMmapThresholdBytes);
  mallopt(M_TRIM_THRESHOLD, INT_MAX);
}

}  // namespace ronde
