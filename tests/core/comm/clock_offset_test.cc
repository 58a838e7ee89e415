#include "core/comm/clock_offset.h"

#include <array>
#include <cstdlib>

#include <gtest/gtest.h>

#include "tests/support/run_ranks.h"

namespace ronde {
namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;

class ShiftedClock final : public Clock {
 public:
  explicit ShiftedClock(std::int64_t shift_ns) : shift_ns_(shift_ns) {}
  [[nodiscard]] std::int64_t NowNs() const override { return SteadyClock().NowNs() + shift_ns_; }

 private:
  const std::int64_t shift_ns_;
};

constexpr std::array<std::int64_t, 4> kShifts = {17, 5 * kSecondNs, -3 * kSecondNs, 4000};

// Whether what rank `transport` measures is its shift, within what it says of itself.
void ExpectItsShift(Transport& transport) {
  const std::int64_t shift_ns = kShifts.at(static_cast<std::size_t>(transport.rank()));
  const auto measured = MeasureClockOffset(transport, ShiftedClock(shift_ns));
  ASSERT_TRUE(measured.ok()) << measured.status().message();
  const ClockOffset& offset = measured.value();
  EXPECT_LE(std::abs(offset.offset_ns - (shift_ns - kShifts[0])), offset.error_ns);
  EXPECT_LT(offset.error_ns, kSecondNs);
  const std::int64_t now_ns = SteadyClock().NowNs();
  const std::int64_t of_rank_zero = now_ns + kShifts[0] - offset.origin_ns;
  EXPECT_LE(std::abs(offset.SinceOrigin(now_ns + shift_ns) - of_rank_zero), offset.error_ns);
}

TEST(ClockOffset, IsMeasuredBetweenHosts) { RunRanksOnHosts({"a", "b", "c", "d"}, ExpectItsShift); }

TEST(ClockOffset, IsMeasuredWhereClocksOfOneHostDiffer) {
  RunRanks(3, ExpectItsShift);  // the fourth's shift is less than an exchange takes
}

TEST(ClockOffset, IsNothingOnOneHost) {
  RunRanks(3, [](Transport& transport) {
    const auto measured = MeasureClockOffset(transport, SteadyClock());
    ASSERT_TRUE(measured.ok());
    EXPECT_EQ(measured.value().offset_ns, 0);
    EXPECT_EQ(measured.value().error_ns, 0);
    EXPECT_GT(measured.value().origin_ns, 0);
  });
}

TEST(ClockOffset, EndsWithTheJob) {
  RunRanks(2, [](Transport& transport) {
    if (transport.rank() == 1) return transport.Abort(Status::Aborted("rank 1: gave up"));
    const auto measured = MeasureClockOffset(transport, SteadyClock());
    EXPECT_EQ(measured.status().code(), StatusCode::kAborted);
  });
}

}  // namespace
}  // namespace ronde
