#pragma once

#include <latch>

#include <gtest/gtest.h>

#include "tests/gpu/allreduce_body.h"
#include "tests/gpu/ranks_body.h"

namespace ronde::bench {

/// Rank 0 gives the device an allreduce whose peers never come, does `meanwhile`, and waits for the
/// device; yields what Finish says. The others wait until it is done, whatever becomes of it:
/// their memory is mapped there.
inline Status WaitInVain(RankOnDevice& rank, std::latch& done,
                         const std::function<void()>& meanwhile) {
  const AllreduceCase test = {DataType::kFloat32, ReduceOp::kSum, 1000, 0, false, true};
  AllreduceBuffers buffers;
  for (std::shared_ptr<std::byte>* buffer : {&buffers.input, &buffers.output}) {
    RONDE_ASSIGN_OR_RETURN(*buffer, rank.runner.AllocateRegistered(4000));
  }
  if (rank.rank() != 0) {
    done.wait();
    return Status::Ok();
  }
  Status status = rank.runner.Run(CallOf(test, buffers, rank.runner, rank.size()));
  meanwhile();
  if (status.ok()) status = rank.runner.Finish();
  done.count_down();
  return status;
}

/// The wait ends at the deadline, and the fault names the peer.
inline void ExpectMissingPeerIsNamed(RankOnDevice& rank, std::latch& done) {
  const Status status = WaitInVain(rank, done, [] {});
  if (rank.rank() != 0) return;
  EXPECT_EQ(status.code(), StatusCode::kTimeout) << status.ToString();
  EXPECT_NE(status.message().find("rank 1"), std::string::npos) << status.message();
}

/// An abort ends the wait before the deadline.
inline void ExpectAbortEndsTheWait(RankOnDevice& rank, std::latch& done) {
  const Status status = WaitInVain(rank, done, [&rank] { rank.runner.context().Abort(); });
  if (rank.rank() != 0) return;
  EXPECT_EQ(status.code(), StatusCode::kAborted) << status.ToString();
}

/// Runs one of them on two ranks.
inline void RunFault(DeviceChoice choice, const Config& config,
                     void (*body)(RankOnDevice&, std::latch&)) {
  std::latch done(1);
  RunOnDevices(2, choice, config, [&](RankOnDevice& rank) { body(rank, done); });
}

}  // namespace ronde::bench
