// One rank of hosts_test.py: collectives_program exact|same-bits.
//
// Both modes print "rank R on HOST: local r of n, cross r of n". `exact` then checks allreduce,
// broadcast, allgather and reducescatter of whole numbers, in ordinary and in registered memory, to
// the last bit; `same-bits`, for compression on the wire, that the average of arbitrary values is
// the same on all ranks and near the true one. Ends with "good R", or an exception that says what
// was wrong.

#include <unistd.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/base/config_environment.h"
#include "core/base/strcat.h"
#include "frontends/session/session.h"

namespace ronde {
namespace {

// One element, odd ones that no number of ranks divides, and some that travel in many pieces.
constexpr std::int64_t kCounts[] = {1, 3, 1'001, 16'384, 100'003};
constexpr std::int64_t kMostCount = 100'003;

void Check(bool condition, const std::string& what) {
  if (!condition) throw std::runtime_error("wrong: " + what);
}

void CheckOk(const Status& status) { Check(status.ok(), status.ToString()); }

// Whole numbers below 2^24 in every sum, different at every place.
float Value(int rank, std::int64_t index) {
  return static_cast<float>((rank + 1) * (1 + index % 1'009));
}

float Sum(int size, std::int64_t index) {
  return static_cast<float>(size * (size + 1) / 2) * Value(0, index);
}

void Fill(float* values, std::int64_t count, int rank) {
  for (std::int64_t i = 0; i < count; ++i) values[i] = Value(rank, i);
}

TensorView View(float* values, std::int64_t count) { return {values, DataType::kFloat32, {count}}; }

void CheckAllreduce(Session& session, float* values, std::int64_t count) {
  Fill(values, count, session.rank());
  const TensorView view = View(values, count);
  CheckOk(session.AllreduceAsync("sum", view, view, {.op = ReduceOp::kSum}).Wait());
  for (std::int64_t i = 0; i < count; ++i) {
    Check(values[i] == Sum(session.size(), i),
          StrCat("sum of ", count, ": element ", i, " is ", values[i]));
  }
}

void CheckBroadcast(Session& session, float* values, std::int64_t count) {
  for (const int root : {0, session.size() - 1}) {
    Fill(values, count, session.rank());
    CheckOk(session.BroadcastAsync("root", View(values, count), root).Wait());
    for (std::int64_t i = 0; i < count; ++i) {
      Check(values[i] == Value(root, i), StrCat("broadcast of ", count, " from ", root));
    }
  }
}

void CheckAllgather(Session& session, float* values, std::int64_t count) {
  const std::int64_t rows = count / session.size();
  float* const mine = values + session.rank() * rows;
  Fill(mine, rows, session.rank());
  CheckOk(
      session.AllgatherAsync("rows", View(mine, rows), View(values, rows * session.size())).Wait());
  for (std::int64_t i = 0; i < rows * session.size(); ++i) {
    Check(values[i] == Value(static_cast<int>(i / rows), i % rows),
          StrCat("allgather of ", rows, " a rank: element ", i, " is ", values[i]));
  }
}

void CheckReducescatter(Session& session, float* values, std::int64_t count) {
  Fill(values, count, session.rank());
  const Shape shape = ReducescatterShape({count}, session.rank(), session.size());
  // The rows before: the first ranks have one more where the rows cannot be shared evenly.
  std::int64_t first = 0;
  for (int rank = 0; rank < session.rank(); ++rank) {
    first += ReducescatterShape({count}, rank, session.size())[0];
  }
  std::vector<float> part(static_cast<std::size_t>(shape[0]));
  CheckOk(session
              .ReducescatterAsync("part", View(values, count), View(part.data(), shape[0]),
                                  {.op = ReduceOp::kSum})
              .Wait());
  for (std::int64_t i = 0; i < shape[0]; ++i) {
    Check(part[static_cast<std::size_t>(i)] == Sum(session.size(), first + i),
          StrCat("reducescatter of ", count, ": row ", first + i));
  }
}

void CheckExact(Session& session) {
  const auto memory = session.Allocate(kMostCount * sizeof(float));
  CheckOk(memory.status());
  std::vector<float> ordinary(kMostCount);
  for (float* const values : {ordinary.data(), reinterpret_cast<float*>(memory.value().get())}) {
    for (const std::int64_t count : kCounts) {
      CheckAllreduce(session, values, count);
      CheckBroadcast(session, values, count);
      CheckAllgather(session, values, count);
      CheckReducescatter(session, values, count);
    }
  }
}

// FNV-1a of the values' bytes.
std::int64_t Digest(const std::vector<float>& values) {
  std::uint64_t digest = 14695981039346656037U;
  for (const float value : values) {
    std::uint32_t bits = 0;
    std::memcpy(&bits, &value, sizeof(bits));
    digest = (digest ^ bits) * 1099511628211U;
  }
  return static_cast<std::int64_t>(digest);
}

void CheckSameBits(Session& session) {
  for (const std::int64_t count : kCounts) {
    std::vector<float> values(static_cast<std::size_t>(count));
    std::vector<double> mean(values.size());
    for (std::int64_t i = 0; i < count; ++i) {
      const auto at = static_cast<std::size_t>(i);
      for (int rank = 0; rank < session.size(); ++rank) {
        const double value = std::sin(static_cast<double>(i * 31 + rank * 17)) / 3;
        mean[at] += value / session.size();
        if (rank == session.rank()) values[at] = static_cast<float>(value);
      }
    }
    const TensorView view = View(values.data(), count);
    CheckOk(session.AllreduceAsync("mean", view, view, {.op = ReduceOp::kAverage}).Wait());
    // Blocks of int8 are wrong by at most 1/254 of their largest value each time they are packed.
    for (std::size_t i = 0; i < values.size(); ++i) {
      Check(std::abs(values[i] - mean[i]) < 0.02, StrCat("mean of ", count, ": element ", i));
    }
    std::int64_t digest = Digest(values);
    const Handle all = session.AllgatherAsync("digest", {&digest, DataType::kInt64, {1}});
    CheckOk(all.Wait());
    for (int rank = 0; rank < session.size(); ++rank) {
      std::int64_t other = 0;
      std::memcpy(&other, all.result().gathered.data() + static_cast<std::size_t>(rank) * 8, 8);
      Check(other == digest, StrCat("mean of ", count, ": the bits differ from rank ", rank, "'s"));
    }
  }
}

void Run(const std::string& mode) {
  const auto config = Config::FromEnvironment();
  CheckOk(config.status());
  const auto created = Session::Create(config.value());
  CheckOk(created.status());
  Session& session = *created.value();
  char host[256] = {};
  gethostname(host, sizeof(host) - 1);
  std::printf("rank %d on %s: local %d of %d, cross %d of %d\n", session.rank(), host,
              session.local_rank(), session.local_size(), session.cross_rank(),
              session.cross_size());
  if (mode == "exact") CheckExact(session);
  if (mode == "same-bits") CheckSameBits(session);
  CheckOk(session.Shutdown());
  std::printf("good %d\n", session.rank());
}

}  // namespace
}  // namespace ronde

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  try {
    ronde::Run(argv[1]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
