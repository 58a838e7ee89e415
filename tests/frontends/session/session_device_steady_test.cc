// Training steps on device memory: names are used again as soon as their operations are issued, and
// no thread of the program or the engine waits for the device.
#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "core/base/strcat.h"
#include "tests/frontends/session/device_sessions.h"

namespace ronde {
namespace {

constexpr int kTensors = 161;

// Counts who waits for the device, or asks it whether something has happened.
class WatchedDevice final : public SimulatedDevice {
 public:
  using SimulatedDevice::SimulatedDevice;
  Result<bool> Happened(void* event) override {
    Note();
    return SimulatedDevice::Happened(event);
  }
  Status Synchronize(void* stream, Deadline deadline) override {
    Note();
    return SimulatedDevice::Synchronize(stream, deadline);
  }
  [[nodiscard]] int LooksOf(std::thread::id thread) const {
    const std::lock_guard lock(mutex_);
    const auto found = looks_.find(thread);
    return found == looks_.end() ? 0 : found->second;
  }

 private:
  void Note() {
    const std::lock_guard lock(mutex_);
    ++looks_[std::this_thread::get_id()];
  }
  mutable std::mutex mutex_;
  std::map<std::thread::id, int> looks_;
};

// The gradients of a model: one allocation, tensors of many sizes.
class Gradients {
 public:
  Gradients(Device& device, StreamView stream) : stream_(stream) {
    std::size_t elements = 0;
    for (int i = 0; i < kTensors; ++i) {
      begins_.push_back(elements);
      elements += CountOf(i) + 3;
    }
    memory_ = DeviceBuffer::Create(device, elements * sizeof(float)).value();
  }
  static std::size_t CountOf(int tensor) { return static_cast<std::size_t>(tensor * 53 % 257 + 1); }
  [[nodiscard]] float* data(int tensor) const {
    return reinterpret_cast<float*>(memory_.data()) + begins_[static_cast<std::size_t>(tensor)];
  }
  /// A kernel that gives every element of tensor i the value `first` + i.
  void Fill(float first) const {
    Launch([this, first] {
      for (int i = 0; i < kTensors; ++i) {
        std::fill_n(data(i), CountOf(i), first + static_cast<float>(i));
      }
    });
  }
  /// One that counts elements which are not `first` + i * factor.
  void Check(float first, float factor, std::atomic<int>& wrong) const {
    Launch([this, first, factor, &wrong] {
      for (int i = 0; i < kTensors; ++i) {
        const float expected = first + static_cast<float>(i) * factor;
        for (std::size_t k = 0; k < CountOf(i); ++k) wrong += data(i)[k] != expected ? 1 : 0;
      }
    });
  }

 private:
  void Launch(const std::function<void()>& body) const {
    auto& device = *static_cast<SimulatedDevice*>(stream_.device);
    ASSERT_TRUE(device.Launch(stream_.native, 1, [body](int) { body(); }).ok());
  }

  StreamView stream_;
  std::vector<std::size_t> begins_;
  DeviceBuffer memory_;
};

// Where nobody else is, the caller is the engine.
std::thread::id EngineThread(Session& session) {
  const std::thread::id own = std::this_thread::get_id();
  std::thread::id engine = own;
  for (int i = 0; i < 20; ++i) {
    const Handle barrier = session.BarrierAsync(StrCat("who", i));
    std::thread::id told;
    barrier.OnComplete([&](const Status&) { told = std::this_thread::get_id(); });
    EXPECT_TRUE(session.BarrierAsync(StrCat("after", i)).Wait().ok());
    if (told != own) engine = told;  // else it had completed already
  }
  return engine;
}

void RunSteps(Session& session, WatchedDevice& device, int steps) {
  const Stream stream = Stream::Create(device, StreamPriority::kDefault).value();
  const Gradients gradients(device, stream.view());
  EventPool events(device);
  std::atomic<int> wrong{0};
  const auto ranks = static_cast<float>(session.size());
  const auto step = [&](int number) {
    gradients.Fill(static_cast<float>(session.rank() + number));
    const std::shared_ptr<const Event> ready = events.Record(stream.view()).value();
    std::vector<Handle> handles;
    for (int i = kTensors - 1; i >= 0; --i) {
      TensorView view(gradients.data(i), DataType::kFloat32,
                      {static_cast<std::int64_t>(Gradients::CountOf(i))});
      view.device = &device;
      view.ready = ready;
      handles.push_back(
          session.AllreduceAsync(StrCat("gradient", i), view, view, {.op = ReduceOp::kSum}));
    }
    for (const Handle& handle : handles) EXPECT_TRUE(handle.WaitOn(stream.view()).ok());
    const float first = ranks * (ranks - 1) / 2 + ranks * static_cast<float>(number);
    gradients.Check(first, ranks, wrong);
  };
  for (int number = 0; number < 10; ++number) step(number);  // memory and channels are made
  const std::thread::id engine = EngineThread(session);
  const int engine_looks = device.LooksOf(engine);
  const int own_looks = device.LooksOf(std::this_thread::get_id());
  for (int number = 10; number < steps; ++number) step(number);
  EXPECT_EQ(device.LooksOf(std::this_thread::get_id()), own_looks);
  EXPECT_EQ(device.LooksOf(engine), engine_looks);
  EXPECT_TRUE(device.Synchronize(stream.view().native, Deadline::After(30)).ok());
  EXPECT_EQ(wrong, 0);
  EXPECT_TRUE(session.Shutdown().ok());
  EXPECT_GE(session.counters().operations, static_cast<std::uint64_t>(steps) * kTensors);
}

void RunOnWatchedDevices(int ranks, int steps, const SimulatedDevice::Options& options) {
  std::vector<std::unique_ptr<WatchedDevice>> devices;
  for (int rank = 0; rank < ranks; ++rank) {
    devices.push_back(std::make_unique<WatchedDevice>(options));
  }
  RunRanksOwning(ranks, [&](std::unique_ptr<Transport> transport) {
    WatchedDevice& device = *devices[static_cast<std::size_t>(transport->rank())];
    auto session = Session::CreateOn(std::move(transport), Config());
    ASSERT_TRUE(session.ok()) << session.status().message();
    RunSteps(*session.value(), device, steps);
  });
}

TEST(SessionDeviceSteady, TwoHundredStepsReuseNamesAndNobodyWaits) {
  RunOnWatchedDevices(2, 200, {});
}

TEST(SessionDeviceSteady, ADeviceThatIsLateChangesNothing) {
  SimulatedDevice::Options slow;
  slow.delay_seed = 5;
  RunOnWatchedDevices(3, 20, slow);
}

TEST(SessionDeviceSteady, OneRankAloneWaitsForNothingEither) { RunOnWatchedDevices(1, 30, {}); }

}  // namespace
}  // namespace ronde
