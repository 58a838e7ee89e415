// What every kind of device must do. Compiled into one program for each kind.
#include <numeric>

#include "core/device/event.h"
#include "core/device/self_check.h"
#include "tests/core/device/device_fixture.h"

namespace ronde {
namespace {

TEST_F(DeviceTest, MemoryIsAlignedAndTheDevicesOwn) {
  const DeviceBuffer buffer = NewBuffer(1000);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer.data()) % 256, 0u);
  EXPECT_TRUE(device_->Owns(buffer.data()));
  EXPECT_TRUE(device_->Owns(buffer.data() + buffer.size_bytes() - 1));
  const int on_host = 0;
  EXPECT_FALSE(device_->Owns(&on_host));
  EXPECT_FALSE(device_->Owns(gate_word_.data()));  // pinned memory is the host's
  EXPECT_FALSE(device_->Owns(nullptr));
}

TEST_F(DeviceTest, CopiesInEveryDirection) {
  constexpr std::size_t kCount = 100'003;
  std::vector<std::uint64_t> source(kCount);
  std::iota(source.begin(), source.end(), 1);
  const DeviceBuffer first = NewBuffer(kCount);
  const DeviceBuffer second = NewBuffer(kCount);
  const DeviceBuffer pinned = NewBuffer(kCount, DeviceBuffer::Place::kPinned);
  const DeviceBuffer third = NewBuffer(kCount);
  std::vector<std::uint64_t> target(kCount);
  ASSERT_EQ(Copy(first.data(), source.data(), kCount, stream_), Status::Ok());
  ASSERT_EQ(Copy(second.data(), first.data(), kCount, stream_), Status::Ok());
  ASSERT_EQ(Copy(pinned.data(), second.data(), kCount, stream_), Status::Ok());
  ASSERT_EQ(Copy(third.data(), pinned.data(), kCount, stream_), Status::Ok());
  ASSERT_EQ(Copy(target.data(), third.data(), kCount, stream_), Status::Ok());
  ASSERT_EQ(Finish(stream_), Status::Ok());
  EXPECT_EQ(target, source);
}

TEST_F(DeviceTest, CopyAndFillOfNothingDoNothing) {
  EXPECT_EQ(device_->Copy(nullptr, nullptr, 0, stream_.view().native), Status::Ok());
  EXPECT_EQ(device_->FillZero(nullptr, 0, stream_.view().native), Status::Ok());
  EXPECT_EQ(Finish(stream_), Status::Ok());
}

TEST_F(DeviceTest, FillsWithZero) {
  const DeviceBuffer buffer = NewBuffer(1000);
  const std::vector<std::uint64_t> before(1000, 7);
  ASSERT_EQ(Copy(buffer.data(), before.data(), 1000, stream_), Status::Ok());
  ASSERT_EQ(device_->FillZero(buffer.data() + 8, 998 * 8, stream_.view().native), Status::Ok());
  std::vector<std::uint64_t> expected(1000, 0);
  expected.front() = expected.back() = 7;
  EXPECT_EQ(Read(buffer, stream_), expected);
}

TEST_F(DeviceTest, WorkOfAStreamRunsInOrder) {
  const DeviceBuffer buffer = NewBuffer(1000);
  ASSERT_EQ(device_->FillZero(buffer.data(), buffer.size_bytes(), stream_.view().native),
            Status::Ok());
  std::uint64_t expected = 0;
  for (std::uint64_t i = 1; i <= 40; ++i) {
    expected = expected * 3 + i;
    ASSERT_EQ(LaunchUnderTest(stream_.view(), {3, 64}, StepKernel{Words(buffer), 1000, 3, i}),
              Status::Ok());
  }
  EXPECT_EQ(Read(buffer, stream_), std::vector<std::uint64_t>(1000, expected));
}

TEST_F(DeviceTest, StreamsDoNotWaitForOneAnother) {
  const DeviceBuffer buffer = NewBuffer(10);
  ASSERT_EQ(CloseGate(stream_), Status::Ok());
  ASSERT_EQ(device_->FillZero(buffer.data(), 80, other_.view().native), Status::Ok());
  EXPECT_EQ(Finish(other_), Status::Ok());
  EXPECT_EQ(device_->Synchronize(stream_.view().native, Deadline::After(0.01)).code(),
            StatusCode::kTimeout);
  OpenGate();
  EXPECT_EQ(Finish(stream_), Status::Ok());
}

TEST_F(DeviceTest, BlocksOfALaunchMayWaitForOneAnother) {
  const int blocks = device_->concurrent_blocks();
  ASSERT_GE(blocks, 1);
  const DeviceBuffer words = NewBuffer(static_cast<std::size_t>(blocks) * 4);
  ASSERT_EQ(device_->FillZero(words.data(), words.size_bytes(), stream_.view().native),
            Status::Ok());
  BarrierKernel kernel;
  kernel.flags = Words(words);
  kernel.wrong = Words(words) + blocks;
  kernel.data = Words(words) + 2 * blocks;
  kernel.rounds = 200;
  kernel.blocks = blocks;
  ASSERT_EQ(LaunchUnderTest(stream_.view(), {blocks, 32}, kernel), Status::Ok());
  const std::vector<std::uint64_t> result = Read(words, stream_);
  for (int block = 0; block < blocks; ++block) {
    EXPECT_EQ(result[block], 200u);
    EXPECT_EQ(result[blocks + block], 0u) << "block " << block;
  }
}

TEST_F(DeviceTest, RunsMoreBlocksThanFitAtOnce) {
  const int blocks = device_->concurrent_blocks() * 50 + 1;
  const DeviceBuffer buffer = NewBuffer(10'000);
  ASSERT_EQ(device_->FillZero(buffer.data(), buffer.size_bytes(), stream_.view().native),
            Status::Ok());
  ASSERT_EQ(LaunchUnderTest(stream_.view(), {blocks, 128}, StepKernel{Words(buffer), 10'000, 1, 5}),
            Status::Ok());
  EXPECT_EQ(Read(buffer, stream_), std::vector<std::uint64_t>(10'000, 5));
}

TEST_F(DeviceTest, RefusesALaunchWithoutBlocks) {
  EXPECT_EQ(LaunchUnderTest(stream_.view(), {0, 128}, StepKernel{}).code(), StatusCode::kInternal);
}

TEST_F(DeviceTest, WorkOfADestroyedStreamStillRuns) {
  const DeviceBuffer result = NewBuffer(1, DeviceBuffer::Place::kPinned);
  *Words(result) = 0;
  Event done;
  {
    const Stream stream = NewStream();
    ASSERT_EQ(CloseGate(stream), Status::Ok());
    ASSERT_EQ(LaunchUnderTest(stream.view(), {1, 32}, StepKernel{Words(result), 1, 1, 9}),
              Status::Ok());
    Result<Event> event = Event::Create(*device_);
    ASSERT_TRUE(event.ok());
    done = std::move(event).value();
    ASSERT_EQ(done.Record(stream.view()), Status::Ok());
  }
  OpenGate();
  ASSERT_EQ(done.Wait(Deadline::After(kPatience)), Status::Ok());
  EXPECT_EQ(*Words(result), 9u);
}

TEST_F(DeviceTest, TooLargeAnAllocationSaysWhatIsThere) {
  constexpr std::size_t kTooMuch = std::size_t{1} << 50;
  const Result<DeviceBuffer> buffer = DeviceBuffer::Create(*device_, kTooMuch);
  ASSERT_FALSE(buffer.ok());
  EXPECT_EQ(buffer.status().code(), StatusCode::kUnavailable);
  EXPECT_NE(buffer.status().message().find("1125899906842624 bytes"), std::string::npos)
      << buffer.status().message();
  EXPECT_NE(buffer.status().message().find("free"), std::string::npos) << buffer.status().message();
  // The device is as good as before.
  EXPECT_NE(NewBuffer(10).data(), nullptr);
}

TEST_F(DeviceTest, MapsItsOwnMemoryAtItsOwnAddress) {
  const DeviceBuffer buffer = NewBuffer(1000);
  const Result<MemoryExport> part = device_->Export(buffer.data() + 800, 1600);
  ASSERT_TRUE(part.ok()) << part.status().message();
  EXPECT_EQ(part.value().size_bytes, 1600u);
  EXPECT_EQ(part.value().device_index, device_->index());
  const Result<void*> mapped = device_->Map(part.value());
  ASSERT_TRUE(mapped.ok()) << mapped.status().message();
  EXPECT_EQ(mapped.value(), buffer.data() + 800);
  device_->Unmap(mapped.value());
}

TEST_F(DeviceTest, WillNotShareWhatIsNotItsOwn) {
  std::vector<std::byte> on_host(100);
  EXPECT_EQ(device_->Export(on_host.data(), 100).status().code(), StatusCode::kUnavailable);
  const DeviceBuffer buffer = NewBuffer(10);
  EXPECT_EQ(device_->Export(buffer.data(), std::size_t{1} << 40).status().code(),
            StatusCode::kUnavailable);
}

TEST_F(DeviceTest, ChecksItself) {
  EXPECT_EQ(CheckDevice(*device_, Deadline::After(kPatience)), Status::Ok());
}

}  // namespace
}  // namespace ronde
