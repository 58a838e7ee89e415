#include <array>

#include "tests/conformance/transport_case_support.h"

namespace ronde {
namespace {

// Control messages until `count` have come.
Status PollFor(Transport& transport, std::size_t count, std::vector<ControlMessage>* messages) {
  const Deadline deadline = Patience();
  while (messages->size() < count) {
    RONDE_ASSIGN_OR_RETURN(std::optional<ControlMessage> message, transport.Poll());
    if (message) {
      messages->push_back(*std::move(message));
      continue;
    }
    CONFORM(!deadline.Expired(), "only ", messages->size(), " of ", count, " messages came");
    RONDE_RETURN_IF_ERROR(transport.WaitForRing(deadline));
  }
  return Status::Ok();
}

Status PostsReachEverybodyInOrder(Transport& transport) {
  constexpr std::size_t kRounds = 40;
  const int size = transport.size();
  for (std::size_t round = 0; round < kRounds; ++round) {
    for (int peer = 0; peer < size; ++peer) {  // itself too
      // Long ones now and then: they do not travel eagerly.
      std::vector<std::byte> payload = Pattern(round % 10 == 9 ? 300'000 : round, 3);
      payload.push_back(static_cast<std::byte>(round));
      RONDE_RETURN_IF_ERROR(transport.Post(peer, std::move(payload)));
    }
  }
  std::vector<ControlMessage> messages;
  RONDE_RETURN_IF_ERROR(PollFor(transport, kRounds * static_cast<std::size_t>(size), &messages));
  std::vector<std::size_t> next(static_cast<std::size_t>(size));
  for (const ControlMessage& message : messages) {
    const std::size_t round = next[message.source]++;
    CONFORM(message.payload.size() == (round % 10 == 9 ? 300'000 : round) + 1, "message ", round,
            " of rank ", message.source, " has ", message.payload.size(), " bytes");
    CONFORM(message.payload.back() == static_cast<std::byte>(round));
  }
  return Barrier(transport);  // nobody's next posts come before these
}

Status AnswersQuickly(Transport& transport) {
  if (transport.size() < 2 || transport.rank() > 1) return Status::Ok();
  constexpr int kRounds = 300;
  const double start = Seconds();
  for (int round = 0; round < kRounds; ++round) {
    std::vector<ControlMessage> messages;
    if (transport.rank() == 0) RONDE_RETURN_IF_ERROR(transport.Post(1, Pattern(64, round)));
    RONDE_RETURN_IF_ERROR(PollFor(transport, 1, &messages));
    CONFORM(messages[0].payload == Pattern(64, round));
    if (transport.rank() == 1) RONDE_RETURN_IF_ERROR(transport.Post(0, Pattern(64, round)));
  }
  const double round_trip_s = (Seconds() - start) / kRounds;
  CONFORM(round_trip_s < 0.02, "a round trip took ", round_trip_s, " s: a wake-up was lost");
  return Status::Ok();
}

Status SleepsUntilPosted(Transport& transport) {
  constexpr double kIdleS = 0.4;
  if (transport.rank() != 0) {
    if (transport.rank() == 1) {
      SleepFor(kIdleS);
      return transport.Post(0, Pattern(5, 5));
    }
    return Status::Ok();
  }
  if (transport.size() < 2) return Status::Ok();
  const double cpu_start = ThreadCpuSeconds();
  const double start = Seconds();
  std::vector<ControlMessage> messages;
  RONDE_RETURN_IF_ERROR(PollFor(transport, 1, &messages));
  const double waited = Seconds() - start;
  const double cpu = ThreadCpuSeconds() - cpu_start;
  CONFORM(waited < kIdleS + 2, waited, " s");
  bool one_host = true;
  for (int rank = 0; rank < transport.size(); ++rank) {
    one_host = one_host && transport.host_id(rank) == transport.host_id(0);
  }
  CONFORM(cpu < kIdleS * (one_host ? 0.1 : 0.5), "an idle wait used ", cpu, " s of CPU time");
  return Status::Ok();
}

Status WakesFromAnyThread(Transport& transport) {
  // Rings left over from the cases before.
  RONDE_RETURN_IF_ERROR(transport.WaitForRing(Deadline::After(0)));
  double start = Seconds();
  RONDE_RETURN_IF_ERROR(transport.WaitForRing(Deadline::After(0.1)));
  CONFORM(Seconds() - start > 0.09, "returned without a ring");

  start = Seconds();
  std::thread ringer([&transport] {
    SleepFor(0.1);
    transport.Ring();
  });
  const Status status = transport.WaitForRing(Patience());
  ringer.join();
  RONDE_RETURN_IF_ERROR(status);
  CONFORM(Seconds() - start < kPatienceS / 2);

  transport.Ring();  // before the wait: must not be lost
  start = Seconds();
  RONDE_RETURN_IF_ERROR(transport.WaitForRing(Patience()));
  CONFORM(Seconds() - start < kPatienceS / 2);
  return Status::Ok();
}

Status LosesNoRing(Transport& transport) {
  constexpr int kRings = 3000;
  std::atomic<int> rung{0};
  std::thread ringer([&] {
    for (int i = 1; i <= kRings; ++i) {
      rung.store(i);
      transport.Ring();
      if (i % 100 == 0) SleepFor(0.0002);
    }
  });
  const Deadline deadline = Patience();
  Status status;
  while (status.ok() && rung.load() < kRings && !deadline.Expired()) {
    status = transport.WaitForRing(deadline);
  }
  ringer.join();
  RONDE_RETURN_IF_ERROR(status);
  CONFORM(!deadline.Expired(), "a ring was lost");
  return Status::Ok();
}

constexpr ConformanceCase kCases[] = {
    {"PostsReachEverybodyInOrder", PostsReachEverybodyInOrder},
    {"AnswersQuickly", AnswersQuickly},
    {"SleepsUntilPosted", SleepsUntilPosted},
    {"WakesFromAnyThread", WakesFromAnyThread},
    {"LosesNoRing", LosesNoRing},
};

}  // namespace

std::span<const ConformanceCase> TransportControlCases() { return kCases; }

}  // namespace ronde
