// One of two ranks that move more elements than 31 bits count, in place: by all collectives in
// registered memory, in private memory and in messages between hosts, and by those allreduce
// algorithms by name that sum bytes on two ranks. Not by push_by_package, which needs several
// packages, nor by adasum, whose types and scratch need several times the memory. Says
// "skipped: ..." where the memory for it is not available.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/base/available_memory.h"
#include "core/base/config_environment.h"
#include "core/base/strcat.h"
#include "frontends/session/session.h"

namespace ronde {
namespace {

constexpr std::int64_t kCount = (std::int64_t{1} << 31) + 4100;
constexpr std::int64_t kHalf = kCount / 2;
constexpr std::uint64_t kNeededBytes = std::uint64_t{12} << 30;
constexpr std::int64_t kWindow = 64;

using Values = std::span<std::uint8_t>;

void Expect(bool condition, const std::string& what) {
  if (!condition) throw std::runtime_error("expected: " + what);
}

void ExpectOk(const Status& status) { Expect(status.ok(), "ok, got " + status.ToString()); }

// Both ends, and where 31 bits or a rank's half end.
template <typename Body>
void ForEachChecked(Body&& body) {
  for (const std::int64_t around :
       {std::int64_t{0}, kHalf, std::int64_t{1} << 30, std::int64_t{1} << 31, kCount}) {
    const std::int64_t end = std::min(kCount, around + kWindow);
    for (std::int64_t i = std::max<std::int64_t>(0, around - kWindow); i < end; ++i) body(i);
  }
}

bool IsChecked(std::int64_t wanted) {
  bool found = false;
  ForEachChecked([&](std::int64_t i) { found = found || i == wanted; });
  return found;
}

// What `rank` starts with: differs from place to place where it is checked.
int ValueAt(int rank, std::int64_t i) {
  return (rank + 1) * (IsChecked(i) ? static_cast<int>(i % 31) + 2 : 1);
}

void Fill(Values values, int rank) {
  std::fill(values.begin(), values.end(), static_cast<std::uint8_t>(ValueAt(rank, kWindow)));
  ForEachChecked([&](std::int64_t i) {
    values[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(ValueAt(rank, i));
  });
}

template <typename Expected>
void Check(const char* what, std::span<const std::uint8_t> values, Expected&& expected) {
  ForEachChecked([&](std::int64_t i) {
    const int got = values[static_cast<std::size_t>(i)];
    const int wanted = expected(i);
    Expect(got == wanted, StrCat(what, ": element ", i, " is ", wanted, ", got ", got));
  });
}

int SumAt(std::int64_t i) { return ValueAt(0, i) + ValueAt(1, i); }

TensorView View(Values values) {
  return {values.data(), DataType::kUInt8, {static_cast<std::int64_t>(values.size())}};
}

// Says how long each part took, so that a slow one shows.
template <typename Body>
void Timed(Session& session, const std::string& name, Body&& body) {
  const auto start = std::chrono::steady_clock::now();
  body();
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (session.rank() == 0) std::printf("%-40s %5.1f s\n", name.c_str(), seconds);
}

void RunAllreduce(Session& session, Values values) {
  Fill(values, session.rank());
  ExpectOk(
      session.AllreduceAsync("sum", View(values), View(values), {.op = ReduceOp::kSum}).Wait());
  Check("sum", values, SumAt);
}

void RunBroadcast(Session& session, Values values) {
  Fill(values, session.rank());
  ExpectOk(session.BroadcastAsync("root", View(values), 1).Wait());
  Check("broadcast", values, [](std::int64_t i) { return ValueAt(1, i); });
}

void RunAllgather(Session& session, Values values) {
  const int rank = session.rank();
  Fill(values, rank);
  const Values own = values.subspan(static_cast<std::size_t>(rank * kHalf), kHalf);
  ExpectOk(session.AllgatherAsync("gather", View(own), View(values)).Wait());
  Check("allgather", values, [](std::int64_t i) { return ValueAt(i < kHalf ? 0 : 1, i); });
}

void RunReducescatter(Session& session, Values values) {
  const int rank = session.rank();
  Fill(values, rank);
  const Values own = values.subspan(static_cast<std::size_t>(rank * kHalf), kHalf);
  ExpectOk(session.ReducescatterAsync("scatter", View(values), View(own), {.op = ReduceOp::kSum})
               .Wait());
  Check("reducescatter", values, [rank](std::int64_t i) {
    return (i < kHalf ? 0 : 1) == rank ? SumAt(i) : ValueAt(rank, i);
  });
}

// More than 2^31 elements in, and as many out.
void RunAlltoall(Session& session, Values values) {
  const int rank = session.rank();
  Fill(values, rank);
  const Handle exchange = session.AlltoallAsync("exchange", View(values), {kHalf, kHalf});
  ExpectOk(exchange.Wait());
  const auto* const got = reinterpret_cast<const std::uint8_t*>(exchange.result().gathered.data());
  Check("alltoall", std::span(got, static_cast<std::size_t>(kCount)),
        [rank](std::int64_t i) { return ValueAt(i < kHalf ? 0 : 1, i % kHalf + rank * kHalf); });
}

void RunAll(Session& session, const std::string& where, Values values) {
  Timed(session, where + " allreduce", [&] { RunAllreduce(session, values); });
  Timed(session, where + " broadcast", [&] { RunBroadcast(session, values); });
  Timed(session, where + " allgather", [&] { RunAllgather(session, values); });
  Timed(session, where + " reducescatter", [&] { RunReducescatter(session, values); });
  Timed(session, where + " alltoall", [&] { RunAlltoall(session, values); });
}

std::unique_ptr<Session> NewSession(const std::string& algorithm, bool hosts_apart) {
  Config config;
  ExpectOk(config.Set(Setting::kTimeoutS, "300", SettingOrigin::kProgram));
  ExpectOk(config.Set(Setting::kAllreduceAlgorithm, algorithm, SettingOrigin::kProgram));
  if (hosts_apart) {
    ExpectOk(config.Set(Setting::kHostId, StrCat("host", ReadLaunchEnvironment().rank),
                        SettingOrigin::kProgram));
  }
  auto session = Session::Create(config);
  ExpectOk(session.status());
  return std::move(session).value();
}

Status CheckMemory() {
  const std::uint64_t free_bytes = AvailableMemoryBytes();
  if (free_bytes >= kNeededBytes) return Status::Ok();
  return Status::Unavailable(
      StrCat("needs ", kNeededBytes >> 30, " GiB of memory, ", free_bytes >> 30, " available"));
}

void Run() {
  {
    const auto session = NewSession("push_two_shot", false);
    if (const Status status = session->AgreeOnStatus(CheckMemory()); !status.ok()) {
      if (session->rank() == 0) std::printf("skipped: %s\n", status.message().c_str());
      return;
    }
    const auto memory = session->Allocate(static_cast<std::size_t>(kCount));
    ExpectOk(memory.status());
    RunAll(
        *session, "registered",
        {reinterpret_cast<std::uint8_t*>(memory.value().get()), static_cast<std::size_t>(kCount)});
  }
  std::vector<std::uint8_t> values(static_cast<std::size_t>(kCount));
  RunAll(*NewSession("shared_memory", false), "private", values);
  RunAll(*NewSession("auto", true), "messages", values);
  for (const char* const algorithm :
       {"pairwise", "recursive_doubling", "direct", "halving_doubling", "ring", "mpi"}) {
    const auto session = NewSession(algorithm, false);
    Timed(*session, algorithm, [&] { RunAllreduce(*session, values); });
  }
  const auto session = NewSession("hierarchical", true);
  Timed(*session, "hierarchical", [&] { RunAllreduce(*session, values); });
}

}  // namespace
}  // namespace ronde

int main() {
  try {
    ronde::Run();
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
