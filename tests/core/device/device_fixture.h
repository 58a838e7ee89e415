#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "core/device/device_buffer.h"
#include "core/device/stream.h"
#include "tests/core/device/device_under_test.h"

namespace ronde {

/// A device, two streams and a gate that holds streams up. Values are 64-bit words.
class DeviceTest : public testing::Test {
 protected:
  static constexpr double kPatience = 20;  // seconds; no test takes as long

  void SetUp() override {
    Result<std::unique_ptr<Device>> device = OpenDeviceUnderTest();
    if (!device.ok()) GTEST_SKIP() << device.status().message();
    device_ = std::move(device).value();
    stream_ = NewStream();
    other_ = NewStream();
    gate_word_ = NewBuffer(1, DeviceBuffer::Place::kPinned);
    *Words(gate_word_) = 0;
  }
  void TearDown() override {
    if (device_ == nullptr) return;
    OpenGate();  // or a test that failed would wait for the kernel's patience
    for (Stream* stream : {&stream_, &other_}) {
      if (stream->view().native != nullptr) (void)Finish(*stream);
    }
  }

  [[nodiscard]] Stream NewStream() {
    Result<Stream> stream = Stream::Create(*device_, StreamPriority::kHigh);
    EXPECT_TRUE(stream.ok()) << stream.status().message();
    return std::move(stream).value();
  }
  [[nodiscard]] DeviceBuffer NewBuffer(std::size_t words,
                                       DeviceBuffer::Place place = DeviceBuffer::Place::kDevice) {
    Result<DeviceBuffer> buffer = DeviceBuffer::Create(*device_, words * 8, place);
    EXPECT_TRUE(buffer.ok()) << buffer.status().message();
    return std::move(buffer).value();
  }
  [[nodiscard]] static std::uint64_t* Words(const DeviceBuffer& buffer) {
    return reinterpret_cast<std::uint64_t*>(buffer.data());
  }
  [[nodiscard]] Status Finish(const Stream& stream) {
    return device_->Synchronize(stream.view().native, Deadline::After(kPatience));
  }
  [[nodiscard]] Status Copy(void* target, const void* source, std::size_t words,
                            const Stream& stream) {
    return device_->Copy(target, source, words * 8, stream.view().native);
  }
  /// What the buffer holds when `stream` is done.
  [[nodiscard]] std::vector<std::uint64_t> Read(const DeviceBuffer& buffer, const Stream& stream) {
    std::vector<std::uint64_t> words(buffer.size_bytes() / 8);
    EXPECT_EQ(Copy(words.data(), buffer.data(), words.size(), stream), Status::Ok());
    EXPECT_EQ(Finish(stream), Status::Ok());
    return words;
  }
  [[nodiscard]] Status CloseGate(const Stream& stream) {
    GateKernel gate;
    gate.word = Words(gate_word_);
    return LaunchUnderTest(stream.view(), {1, 1}, gate);
  }
  void OpenGate() { std::atomic_ref(*Words(gate_word_)).store(1, std::memory_order_release); }

  std::unique_ptr<Device> device_;
  DeviceBuffer gate_word_;
  Stream stream_;
  Stream other_;
};

}  // namespace ronde
