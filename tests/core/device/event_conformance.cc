// What events must do on every kind of device. Compiled into one program for each kind.
#include <set>

#include "core/device/event.h"
#include "tests/core/device/device_fixture.h"

namespace ronde {
namespace {

class EventTest : public DeviceTest {
 protected:
  [[nodiscard]] Event NewEvent() {
    Result<Event> event = Event::Create(*device_);
    EXPECT_TRUE(event.ok()) << event.status().message();
    return std::move(event).value();
  }
  [[nodiscard]] static bool Happened(const Event& event) {
    const Result<bool> happened = event.Happened();
    EXPECT_TRUE(happened.ok()) << happened.status().message();
    return happened.ok() && happened.value();
  }
};

TEST_F(EventTest, HasHappenedBeforeTheFirstRecord) {
  const Event event = NewEvent();
  EXPECT_TRUE(Happened(event));
  ASSERT_EQ(event.HoldUp(stream_.view()), Status::Ok());
  EXPECT_EQ(Finish(stream_), Status::Ok());
}

TEST_F(EventTest, HappensWhenTheWorkBeforeItIsDone) {
  Event event = NewEvent();
  ASSERT_EQ(CloseGate(stream_), Status::Ok());
  ASSERT_EQ(event.Record(stream_.view()), Status::Ok());
  EXPECT_FALSE(Happened(event));
  EXPECT_EQ(event.Wait(Deadline::After(0.01)).code(), StatusCode::kTimeout);
  OpenGate();
  EXPECT_EQ(event.Wait(Deadline::After(kPatience)), Status::Ok());
  EXPECT_TRUE(Happened(event));
}

TEST_F(EventTest, OrdersStreams) {
  const DeviceBuffer buffer = NewBuffer(1000);
  ASSERT_EQ(device_->FillZero(buffer.data(), buffer.size_bytes(), stream_.view().native),
            Status::Ok());
  std::uint64_t expected = 0;
  ASSERT_EQ(CloseGate(stream_), Status::Ok());
  std::vector<Event> events;
  for (std::uint64_t i = 1; i <= 30; ++i) {
    const Stream& stream = i % 2 == 0 ? stream_ : other_;
    const Stream& before = i % 2 == 0 ? other_ : stream_;
    events.push_back(NewEvent());
    ASSERT_EQ(events.back().Record(before.view()), Status::Ok());
    ASSERT_EQ(events.back().HoldUp(stream.view()), Status::Ok());
    ASSERT_EQ(LaunchUnderTest(stream.view(), {2, 64}, StepKernel{Words(buffer), 1000, 3, i}),
              Status::Ok());
    expected = expected * 3 + i;
  }
  OpenGate();
  EXPECT_EQ(Read(buffer, stream_), std::vector<std::uint64_t>(1000, expected));
}

TEST_F(EventTest, AWaitIsForTheRecordBeforeIt) {
  Event event = NewEvent();
  ASSERT_EQ(event.Record(other_.view()), Status::Ok());
  ASSERT_EQ(event.HoldUp(stream_.view()), Status::Ok());
  ASSERT_EQ(CloseGate(other_), Status::Ok());
  ASSERT_EQ(event.Record(other_.view()), Status::Ok());
  EXPECT_EQ(Finish(stream_), Status::Ok());  // not held up by the gate
  EXPECT_FALSE(Happened(event));
}

TEST_F(EventTest, MayBeDestroyedWhileAStreamWaitsForIt) {
  const DeviceBuffer buffer = NewBuffer(1);
  ASSERT_EQ(CloseGate(stream_), Status::Ok());
  {
    Event event = NewEvent();
    ASSERT_EQ(event.Record(stream_.view()), Status::Ok());
    ASSERT_EQ(event.HoldUp(other_.view()), Status::Ok());
  }
  ASSERT_EQ(device_->FillZero(buffer.data(), 8, other_.view().native), Status::Ok());
  EXPECT_EQ(device_->Synchronize(other_.view().native, Deadline::After(0.01)).code(),
            StatusCode::kTimeout);
  OpenGate();
  EXPECT_EQ(Finish(other_), Status::Ok());
}

TEST_F(EventTest, MovesAndLeavesNullBehind) {
  Event first = NewEvent();
  void* const native = first.native();
  Event second = std::move(first);
  EXPECT_EQ(first.native(), nullptr);  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(second.native(), native);
  second = NewEvent();
  EXPECT_NE(second.native(), nullptr);
  second.Reset();
  second.Reset();
  EXPECT_EQ(second.native(), nullptr);
  EXPECT_EQ(Event().native(), nullptr);
}

TEST_F(EventTest, PoolHandsOutAnEventAgainWhenItsLastPointerGoes) {
  EventPool pool(*device_);
  std::set<void*> natives;
  for (int i = 0; i < 20; ++i) {
    const Result<std::shared_ptr<const Event>> event = pool.Record(stream_.view());
    ASSERT_TRUE(event.ok()) << event.status().message();
    const std::shared_ptr<const Event> copy = event.value();
    natives.insert(copy->native());
    EXPECT_EQ(copy->Wait(Deadline::After(kPatience)), Status::Ok());
  }
  EXPECT_EQ(natives.size(), 1u);
  const Result<std::shared_ptr<const Event>> first = pool.Record(stream_.view());
  const Result<std::shared_ptr<const Event>> second = pool.Record(stream_.view());
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_NE(first.value()->native(), second.value()->native());
}

TEST_F(EventTest, OutlivesItsPool) {
  std::shared_ptr<const Event> event;
  ASSERT_EQ(CloseGate(stream_), Status::Ok());
  {
    EventPool pool(*device_);
    Result<std::shared_ptr<const Event>> recorded = pool.Record(stream_.view());
    ASSERT_TRUE(recorded.ok());
    event = recorded.value();
  }
  EXPECT_FALSE(Happened(*event));
  OpenGate();
  EXPECT_EQ(event->Wait(Deadline::After(kPatience)), Status::Ok());
}

TEST_F(DeviceTest, StreamsAndBuffersMoveAndLeaveNullBehind) {
  Stream stream = NewStream();
  void* const native = stream.view().native;
  Stream moved = std::move(stream);
  EXPECT_EQ(stream.view().native, nullptr);  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(moved.view().native, native);
  moved = NewStream();
  EXPECT_EQ(&moved.device(), device_.get());
  moved.Reset();
  EXPECT_EQ(moved.view().native, nullptr);

  DeviceBuffer buffer = NewBuffer(10);
  std::byte* const data = buffer.data();
  DeviceBuffer taken = std::move(buffer);
  EXPECT_EQ(buffer.data(), nullptr);  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(buffer.size_bytes(), 0u);
  EXPECT_EQ(taken.data(), data);
  taken = NewBuffer(20, DeviceBuffer::Place::kPinned);
  EXPECT_FALSE(device_->Owns(data));
  EXPECT_EQ(taken.size_bytes(), 160u);
  taken.Reset();
  EXPECT_EQ(taken.data(), nullptr);
  EXPECT_EQ(NewBuffer(0).data(), nullptr);
}

}  // namespace
}  // namespace ronde
