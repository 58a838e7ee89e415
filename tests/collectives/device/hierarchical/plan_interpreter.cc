#include "tests/collectives/device/hierarchical/plan_interpreter.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "core/base/strcat.h"

namespace ronde {

PlanInterpreter::PlanInterpreter(const DevicePlanShape& shape, const PlanSum& sum,
                                 std::uint64_t seed)
    : shape_(shape), sum_(sum), random_(seed) {
  for (int host = 0; host < shape.hosts(); ++host) {
    const int first = ranks();
    for (int local = 0; local < shape.ranks_per_host[static_cast<std::size_t>(host)]; ++local) {
      Rank rank;
      rank.plan = MakeDevicePlan(shape, host, local);
      rank.first_of_host = first;
      rank.output.assign(rank.plan.tensor_bytes, std::byte{0xA5});
      rank.slots.assign(rank.plan.slot_bytes * static_cast<std::size_t>(rank.plan.slots),
                        std::byte{0x5A});
      rank.states.assign(rank.plan.steps.size(), State::kWaiting);
      rank.open.resize(rank.plan.steps.size());
      std::iota(rank.open.begin(), rank.open.end(), 0);
      ranks_.push_back(std::move(rank));
    }
  }
}

void PlanInterpreter::set_input(int rank, const std::vector<std::byte>& input, bool in_place) {
  (in_place ? At(rank).output : At(rank).input) = input;
}

PlanMemory PlanInterpreter::MemoryOf(int rank) {
  return {At(rank).output.data(), At(rank).slots.data(), At(rank).plan.slot_bytes};
}

int PlanInterpreter::RankOf(int host, int local_rank) const {
  int rank = local_rank;
  for (int before = 0; before < host; ++before) {
    rank += shape_.ranks_per_host[static_cast<std::size_t>(before)];
  }
  return rank;
}

// Whether everything that must go first has.
bool PlanInterpreter::InTurn(const Rank& rank, std::size_t position) const {
  const int number = rank.open[position];
  const PlanStep& step = rank.plan.steps[static_cast<std::size_t>(number)];
  for (const int before : step.after) {
    if (rank.states[static_cast<std::size_t>(before)] != State::kDone) return false;
  }
  if (step.engine == PlanEngine::kHost) return true;
  for (std::size_t earlier = 0; earlier < position; ++earlier) {
    const PlanStep& other = rank.plan.steps[static_cast<std::size_t>(rank.open[earlier])];
    if (other.engine != step.engine) continue;
    if (step.engine != PlanEngine::kWire) return false;
    const bool waits = rank.states[static_cast<std::size_t>(rank.open[earlier])] == State::kWaiting;
    if (waits && other.kind == step.kind && other.peer == step.peer) return false;
  }
  return true;
}

bool PlanInterpreter::TryStep(int rank, int number) {
  Rank& mine = At(rank);
  const PlanStep& step = mine.plan.steps[static_cast<std::size_t>(number)];
  if (step.kind == PlanStepKind::kEnter || step.kind == PlanStepKind::kLeave) {
    return TryMeet(rank, number);
  }
  if (step.engine == PlanEngine::kWire) {
    StartMessage(rank, number);
    return true;
  }
  Compute(rank, step);
  Finish(rank, number);
  return true;
}

// The ranks of the host go on together, once it is the turn of all of them.
bool PlanInterpreter::TryMeet(int rank, int number) {
  const PlanStepKind kind = At(rank).plan.steps[static_cast<std::size_t>(number)].kind;
  const int first = At(rank).first_of_host;
  std::vector<int> steps;
  for (int local = 0; local < At(rank).plan.local_size; ++local) {
    const Rank& other = At(first + local);
    for (std::size_t position = 0; position < other.open.size(); ++position) {
      const int open = other.open[position];
      if (other.plan.steps[static_cast<std::size_t>(open)].kind != kind) continue;
      if (InTurn(other, position)) steps.push_back(open);
    }
  }
  if (static_cast<int>(steps.size()) != At(rank).plan.local_size) return false;
  for (int local = 0; local < At(rank).plan.local_size; ++local) {
    Finish(first + local, steps[static_cast<std::size_t>(local)]);
  }
  return true;
}

void PlanInterpreter::StartMessage(int rank, int number) {
  Rank& mine = At(rank);
  const PlanStep& step = mine.plan.steps[static_cast<std::size_t>(number)];
  mine.states[static_cast<std::size_t>(number)] = State::kStarted;
  const bool sends = step.kind == PlanStepKind::kSend;
  const int peer = RankOf(step.peer, mine.plan.local_rank);
  const Channel channel = sends ? Channel{rank, peer} : Channel{peer, rank};
  if (!sends) {
    std::memset(MemoryOf(rank).At(step.writes.front()), 0xEE, step.writes.front().size_bytes);
  }
  (sends ? sends_ : receives_)[channel].push_back(number);
  if (sends_[channel].empty() || receives_[channel].empty()) return;
  Message message = {
      channel.first, sends_[channel].front(), channel.second, receives_[channel].front(), {}};
  sends_[channel].pop_front();
  receives_[channel].pop_front();
  const PlanPlace& from =
      At(message.send_rank).plan.steps[static_cast<std::size_t>(message.send_step)].reads.front();
  if (random_() % 2 == 0) {
    const std::byte* const data = MemoryOf(message.send_rank).At(from);
    message.early.assign(data, data + from.size_bytes);
  }
  messages_.push_back(std::move(message));
}

bool PlanInterpreter::TryMessages() {
  if (messages_.empty()) return false;
  const std::size_t picked = random_() % messages_.size();
  const Message message = std::move(messages_[picked]);
  messages_.erase(messages_.begin() + static_cast<std::ptrdiff_t>(picked));
  const auto place = [&](int rank, int step, bool reads) -> const PlanPlace& {
    const PlanStep& its = At(rank).plan.steps[static_cast<std::size_t>(step)];
    return reads ? its.reads.front() : its.writes.front();
  };
  const PlanPlace& from = place(message.send_rank, message.send_step, true);
  const PlanPlace& to = place(message.receive_rank, message.receive_step, false);
  // Sizes that differ show as a result that is wrong.
  const std::byte* const data =
      message.early.empty() ? MemoryOf(message.send_rank).At(from) : message.early.data();
  if (from.size_bytes == to.size_bytes) {
    std::memcpy(MemoryOf(message.receive_rank).At(to), data, to.size_bytes);
  }
  Finish(message.send_rank, message.send_step);
  Finish(message.receive_rank, message.receive_step);
  return true;
}

void PlanInterpreter::Finish(int rank, int number) {
  Rank& mine = At(rank);
  mine.states[static_cast<std::size_t>(number)] = State::kDone;
  mine.open.erase(std::find(mine.open.begin(), mine.open.end(), number));
}

void PlanInterpreter::Compute(int rank, const PlanStep& step) {
  Rank& mine = At(rank);
  const PlanMemory memory = MemoryOf(rank);
  if (step.kind == PlanStepKind::kReduceLocal) {
    const PlanPlace& shard = step.writes.front();
    std::vector<const void*> inputs;
    for (int local = 0; local < mine.plan.local_size; ++local) {
      const Rank& other = At(mine.first_of_host + local);
      inputs.push_back((other.input.empty() ? other.output : other.input).data() + shard.begin);
    }
    Reduce(sum_.op, sum_.dtype, inputs, memory.At(shard),
           static_cast<std::int64_t>(shard.size_bytes / SizeOf(sum_.dtype)),
           sum_.ForInputs(step.complete));
  } else if (step.kind == PlanStepKind::kGatherLocal) {
    const PlanPlace& shard = step.reads.front();
    for (int local = 0; local < mine.plan.local_size; ++local) {
      if (local == mine.plan.local_rank) continue;
      std::memcpy(MemoryOf(mine.first_of_host + local).At(shard), memory.At(shard),
                  shard.size_bytes);
    }
  } else if (step.kind == PlanStepKind::kCopyOut || step.kind == PlanStepKind::kCopyIn) {
    std::memcpy(memory.At(step.writes.front()), memory.At(step.reads.front()),
                step.reads.front().size_bytes);
  } else {
    RunHostStep(step, sum_, memory);
  }
}

// Anywhere: a message ends, or a step starts.
bool PlanInterpreter::Move() {
  if (random_() % 3 == 0 && TryMessages()) return true;
  const std::size_t offset = random_();
  for (std::size_t count = 0; count < ranks_.size(); ++count) {
    const auto number = static_cast<int>((offset + count) % ranks_.size());
    const Rank& rank = At(number);
    // Not far ahead: a window keeps long plans cheap, and still lets all slots overlap.
    const std::size_t window = std::min<std::size_t>(rank.open.size(), 400);
    const std::size_t skip = window == 0 ? 0 : random_() % window;
    for (std::size_t i = 0; i < window; ++i) {
      const std::size_t position = (skip + i) % window;
      const int step = rank.open[position];
      if (rank.states[static_cast<std::size_t>(step)] != State::kWaiting) continue;
      if (InTurn(rank, position) && TryStep(number, step)) return true;
    }
  }
  return TryMessages();
}

std::string PlanInterpreter::Run() {
  while (Move()) {
  }
  for (int rank = 0; rank < ranks(); ++rank) {
    if (At(rank).open.empty()) continue;
    const int step = At(rank).open.front();
    return StrCat("rank ", rank, " stands still at #", step, " ",
                  ToString(At(rank).plan.steps[static_cast<std::size_t>(step)]));
  }
  return "";
}

}  // namespace ronde
