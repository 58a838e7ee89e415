// What only CUDA devices do: memory between processes, errors of the driver.
#include <cstdio>
#include <numeric>

#include "core/device/open_device.h"
#include "tests/core/device/device_fixture.h"

namespace ronde {
namespace {

using CudaDeviceTest = DeviceTest;

TEST_F(CudaDeviceTest, AnotherProcessMapsItsMemory) {
  constexpr std::size_t kCount = 1000;
  const DeviceBuffer buffer = NewBuffer(3 * kCount);
  std::byte* const part = buffer.data() + kCount * 8;
  std::vector<std::uint64_t> words(kCount);
  std::iota(words.begin(), words.end(), 1);
  ASSERT_EQ(Copy(part, words.data(), kCount, stream_), Status::Ok());
  ASSERT_EQ(Finish(stream_), Status::Ok());
  const Result<MemoryExport> exported = device_->Export(part, kCount * 8);
  ASSERT_TRUE(exported.ok()) << exported.status().message();

  std::FILE* const peer = popen("timeout 60 " RONDE_DEVICE_PEER, "w");
  ASSERT_NE(peer, nullptr);
  EXPECT_EQ(std::fwrite(&exported.value(), sizeof(MemoryExport), 1, peer), 1u);
  ASSERT_EQ(pclose(peer), 0);

  ASSERT_EQ(Copy(words.data(), part, kCount, stream_), Status::Ok());
  ASSERT_EQ(Finish(stream_), Status::Ok());
  for (std::size_t i = 0; i < kCount; ++i) ASSERT_EQ(words[i], 2 * (i + 1)) << "word " << i;
}

TEST_F(CudaDeviceTest, TwoOpenedDevicesOfOneIndexShareMemory) {
  const Result<std::unique_ptr<Device>> peer = OpenCudaDevice(0);
  ASSERT_TRUE(peer.ok());
  const DeviceBuffer buffer = NewBuffer(10);
  const Result<void*> mapped = peer.value()->Map(device_->Export(buffer.data(), 80).value());
  ASSERT_TRUE(mapped.ok()) << mapped.status().message();
  EXPECT_EQ(mapped.value(), buffer.data());
}

TEST_F(CudaDeviceTest, OpeningWhatIsNotThereNamesWhatIs) {
  const Result<std::unique_ptr<Device>> none = OpenCudaDevice(1000);
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.status().code(), StatusCode::kUnavailable);
  EXPECT_NE(none.status().message().find(device_->info().name), std::string::npos)
      << none.status().message();
}

}  // namespace
}  // namespace ronde
