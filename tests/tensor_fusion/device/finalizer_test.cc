#include "tensor_fusion/device/finalizer.h"

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "core/device/simulated_device.h"
#include "core/device/stream.h"

namespace ronde {
namespace {

constexpr double kLimitS = 20;

class FinalizerTest : public testing::Test {
 protected:
  FinalizerTest() {
    Result<Stream> stream = Stream::Create(device_, StreamPriority::kDefault);
    EXPECT_TRUE(stream.ok());
    stream_ = std::move(stream).value();
  }
  // Work that is done when the stream has got there.
  Flight FlightOf(const Handle& handle) {
    Flight flight = finalizer_.NewFlight();
    flight.done = events_.Record(stream_.view()).value();
    flight.handles.push_back(handle);
    handle.Issue(flight.done);
    return flight;
  }
  Status Drain(double seconds = kLimitS, Status cause = {}) {
    return finalizer_.Drain(Deadline::After(seconds), [cause] { return cause; });
  }
  void* native() const { return stream_.view().native; }

  SimulatedDevice device_;
  EventPool events_{device_};
  Stream stream_;
  Finalizer finalizer_;
};

TEST_F(FinalizerTest, CompletesHandlesOnceTheirWorkIsDone) {
  device_.Hold(native());
  const Handle handle;
  finalizer_.Add(FlightOf(handle));
  EXPECT_TRUE(handle.issued());
  EXPECT_FALSE(handle.Poll());
  device_.Resume(native());
  EXPECT_TRUE(handle.WaitUntil(Deadline::After(kLimitS)).ok());
  EXPECT_TRUE(Drain().ok());
}

TEST_F(FinalizerTest, GivesBackWhatTheWorkUsedWhenItIsDone) {
  device_.Hold(native());
  auto used = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = used;
  const Handle handle;
  Flight flight = FlightOf(handle);
  flight.uses.push_back(std::move(used));
  finalizer_.Add(std::move(flight));
  EXPECT_FALSE(watch.expired());
  device_.Resume(native());
  EXPECT_TRUE(Drain().ok());
  EXPECT_TRUE(watch.expired());
}

TEST_F(FinalizerTest, AFaultIsToldOnceAndHandlesGetTheAgreedCause) {
  std::atomic<int> told{0};
  finalizer_.OnFailure([&](const Status& failure) {
    EXPECT_EQ(failure.message(), "rank 1 is missing");
    ++told;
  });
  const Handle first;
  const Handle second;
  Flight flight = FlightOf(first);
  flight.check = [] { return Status::Timeout("rank 1 is missing"); };
  finalizer_.Add(std::move(flight));
  finalizer_.Add(FlightOf(second));
  const Status status = Drain(kLimitS, Status::Aborted("rank 1: died"));
  EXPECT_EQ(status.message(), "rank 1 is missing");
  EXPECT_EQ(told, 1);
  EXPECT_EQ(first.Wait(), Status::Aborted("rank 1: died"));
  EXPECT_EQ(second.Wait(), Status::Aborted("rank 1: died"));
}

TEST_F(FinalizerTest, AFaultIsSeenWhileTheWorkGoesOn) {
  device_.Hold(native());
  std::atomic<bool> resumed{false};
  finalizer_.OnFailure([&](const Status&) {
    resumed = true;
    device_.Resume(native());  // as an abort ends a kernel
  });
  const Handle handle;
  Flight flight = FlightOf(handle);
  flight.check = [] { return Status::Timeout("rank 1 is missing"); };
  finalizer_.Add(std::move(flight));
  EXPECT_EQ(Drain().code(), StatusCode::kTimeout);
  EXPECT_TRUE(resumed);
  EXPECT_EQ(handle.Wait().code(), StatusCode::kTimeout);
}

TEST_F(FinalizerTest, NothingSucceedsAfterAnInterruption) {
  device_.Hold(native());
  const Handle handle;
  finalizer_.Add(FlightOf(handle));
  std::atomic<int> told{0};
  finalizer_.OnFailure([&](const Status&) { ++told; });
  finalizer_.Interrupt();
  device_.Resume(native());
  EXPECT_EQ(Drain(kLimitS, Status::Aborted("rank 2: gone")).code(), StatusCode::kAborted);
  EXPECT_EQ(handle.Wait(), Status::Aborted("rank 2: gone"));
  EXPECT_EQ(told, 0) << "who interrupts knows why";
}

TEST_F(FinalizerTest, AnErrorOfTheStreamIsAFailure) {
  device_.InjectStreamError(native(), Status::Internal("the device is lost"));
  const Handle handle;
  finalizer_.Add(FlightOf(handle));
  EXPECT_EQ(Drain().message(), "the device is lost");
  EXPECT_EQ(handle.Wait().message(), "the device is lost");
}

TEST_F(FinalizerTest, DrainGivesUpAtItsDeadlineAndKeepsWhatIsStillUsed) {
  device_.Hold(native());
  auto used = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = used;
  const Handle handle;
  Flight flight = FlightOf(handle);
  flight.uses.push_back(std::move(used));
  finalizer_.Add(std::move(flight));
  EXPECT_EQ(Drain(0.01).code(), StatusCode::kTimeout);
  EXPECT_EQ(handle.Wait().code(), StatusCode::kTimeout);
  EXPECT_FALSE(watch.expired());
  device_.Resume(native());
}

TEST_F(FinalizerTest, ACallbackMayDrain) {
  const Handle first;
  const Handle second;
  Status drained = Status::Internal("not called");
  first.OnComplete([&](const Status&) { drained = Drain(); });
  device_.Hold(native());
  finalizer_.Add(FlightOf(first));
  finalizer_.Add(FlightOf(second));
  device_.Resume(native());
  EXPECT_TRUE(second.WaitUntil(Deadline::After(kLimitS)).ok());
  EXPECT_TRUE(Drain().ok());
  EXPECT_TRUE(drained.ok()) << drained.message();
}

TEST_F(FinalizerTest, KeepsTheOrderOfIssueAcrossManyFlights) {
  std::vector<Handle> handles(500);
  std::atomic<int> next{0};
  for (int i = 0; i < 500; ++i) {
    handles[static_cast<std::size_t>(i)].OnComplete(
        [&next, i](const Status&) { EXPECT_EQ(next++, i); });
    finalizer_.Add(FlightOf(handles[static_cast<std::size_t>(i)]));
  }
  EXPECT_TRUE(Drain().ok());
  EXPECT_EQ(next, 500);
}

}  // namespace
}  // namespace ronde
