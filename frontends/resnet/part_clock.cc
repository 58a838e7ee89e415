#include "frontends/resnet/part_clock.h"

#include <utility>

#include <c10/core/impl/VirtualGuardImpl.h>

namespace ronde {
namespace {

class HostClock final : public PartClock {
 public:
  HostClock(const Clock& clock, EpochRecord& record)
      : record_(record), before_(record.seconds), watch_(clock) {}

  void Lap(Part part) override { record_.parts.*part += watch_.Lap(); }
  void FinishStep(const StepReport& report) override {
    record_.parts.communication += report.seconds_communication;
    record_.parts.optimizer += watch_.Lap() - report.seconds_communication;
  }
  void Skip() override { watch_.Skip(); }
  void Update(bool /*wait*/) override { record_.seconds = before_ + watch_.Total(); }

 private:
  EpochRecord& record_;
  const double before_;
  Stopwatch watch_;
};

class DeviceClock final : public PartClock {
 public:
  DeviceClock(c10::Device device, EpochRecord& record)
      : device_(device), record_(record), last_(NewMark()) {}

  void Lap(Part part) override { laps_.push_back({NewMark(), part}); }
  // The algorithm has told of its parts one by one; what is left are the host's own lines.
  void FinishStep(const StepReport& /*report*/) override { Lap(&StepSeconds::optimizer); }
  void Skip() override { laps_.push_back({NewMark(), nullptr}); }

  void Update(bool wait) override {
    if (wait && !laps_.empty()) laps_.back().end.synchronize();
    while (!laps_.empty() && laps_.front().end.query()) {
      Mark& mark = laps_.front();
      if (mark.part != nullptr) {
        const double seconds = last_.elapsedTime(mark.end) * 1e-3;
        record_.parts.*mark.part += seconds;
        record_.seconds += seconds;
      }
      spare_.push_back(std::exchange(last_, std::move(mark.end)));
      laps_.pop_front();
    }
  }

 private:
  struct Mark {
    c10::Event end;
    Part part;  // null: counts nowhere
  };

  c10::Event NewMark() {
    c10::Event event(device_.type(), c10::EventFlag::BACKEND_DEFAULT);  // one that takes the time
    if (!spare_.empty()) {
      event = std::move(spare_.back());
      spare_.pop_back();
    }
    event.record(c10::impl::VirtualGuardImpl(device_.type()).getStream(device_));
    return event;
  }

  const c10::Device device_;
  EpochRecord& record_;
  std::vector<c10::Event> spare_;
  c10::Event last_;
  std::deque<Mark> laps_;  // behind last_, not yet counted
};

}  // namespace

std::unique_ptr<PartClock> MakeHostClock(const Clock& clock, EpochRecord& record) {
  return std::make_unique<HostClock>(clock, record);
}

std::unique_ptr<PartClock> MakeDeviceClock(c10::Device device, EpochRecord& record) {
  return std::make_unique<DeviceClock>(device, record);
}

}  // namespace ronde
