#include "frontends/resnet/keep_freed_memory.h"

#include <sys/resource.h>

#include <cstdlib>
#include <cstring>

#include <gtest/gtest.h>

namespace ronde {
namespace {

constexpr std::size_t kBlockBytes = 4 << 20;
constexpr long kPagesPerBlock = kBlockBytes / 4096;

long PageFaults() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_minflt;
}

void AllocateAndFree() {
  auto* const block = static_cast<char*>(std::malloc(kBlockBytes));
  ASSERT_NE(block, nullptr);
  std::memset(block, 1, kBlockBytes);
  asm volatile("" : : "r"(block) : "memory");  // or the compiler drops the whole of it
  std::free(block);
}

TEST(KeepFreedMemory, ALargeBlockIsFaultedInOnce) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers bring a malloc of their own";
#endif
  KeepFreedMemory();
  AllocateAndFree();
  const long before = PageFaults();
  for (int i = 0; i < 10; ++i) AllocateAndFree();
  EXPECT_LT(PageFaults() - before, kPagesPerBlock);
}

}  // namespace
}  // namespace ronde
