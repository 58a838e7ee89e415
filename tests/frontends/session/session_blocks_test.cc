// Reducescatter, the allgather into a given output, and where their buffers lie.
#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/frontends/session/block_sessions.h"

namespace ronde {
namespace {

class SessionBlocks : public BlockSessions {};
INSTANTIATE_TEST_SUITE_P(Ranks, SessionBlocks, ::testing::Values(1, 2, 3, 4, 5));

// --- Reducescatter.

// Row i of rank r is all r + i; this rank's first row of the sum.
std::int64_t FirstRow(const Session& session, std::int64_t rows) {
  std::int64_t first = 0;
  for (int r = 0; r < session.rank(); ++r) first += ReducescatterRows(rows, r, session.size());
  return first;
}

void ExpectRowsOfTheSum(const Session& session, const float* block, std::int64_t rows,
                        std::int64_t columns) {
  const auto n = static_cast<float>(session.size());
  const std::int64_t first = FirstRow(session, rows);
  const std::int64_t own = ReducescatterRows(rows, session.rank(), session.size());
  for (std::int64_t i = 0; i < own; ++i) {
    const float expected = n * (n - 1) / 2 + n * static_cast<float>(first + i);
    for (std::int64_t k = 0; k < columns; ++k) {
      ASSERT_EQ(block[i * columns + k], expected) << "row " << first + i;
    }
  }
}

void FillRows(const Session& session, float* values, std::int64_t rows, std::int64_t columns) {
  for (std::int64_t i = 0; i < rows * columns; ++i) {
    values[i] = static_cast<float>(session.rank() + i / columns);
  }
}

TEST_P(SessionBlocks, ReducescatterDealsTheRowsOfTheSum) {
  Run([](Session& session) {
    for (const std::int64_t rows : {0, 1, 2, 7, 20, 1001}) {
      constexpr std::int64_t kThree = 3;
      std::vector<float> input(static_cast<std::size_t>(rows * kThree));
      FillRows(session, input.data(), rows, kThree);
      const Shape block = ReducescatterShape({rows, kThree}, session.rank(), session.size());
      std::vector<float> output(static_cast<std::size_t>(ElementCount(block)) + 1, -1.0F);
      const std::vector<float> before = input;
      const Status status = session
                                .ReducescatterAsync("x", View(input, {rows, kThree}),
                                                    View(output, block), {.op = ReduceOp::kSum})
                                .Wait();
      ASSERT_TRUE(status.ok()) << status.message();
      ExpectRowsOfTheSum(session, output.data(), rows, kThree);
      EXPECT_EQ(output.back(), -1.0F) << "behind the output";
      EXPECT_EQ(input, before);
    }
  });
}

TEST_P(SessionBlocks, ReducescatterScalesAndAverages) {
  Run([](Session& session) {
    const int size = session.size();
    std::vector<float> input(static_cast<std::size_t>(size), static_cast<float>(session.rank()));
    std::vector<float> mine(1);
    const Handle handle =
        session.ReducescatterAsync("x", View(input, {size}), View(mine, {1}),
                                   {.op = ReduceOp::kAverage, .prescale = 2, .postscale = 0.5});
    ASSERT_TRUE(handle.Wait().ok());
    EXPECT_FLOAT_EQ(mine[0], static_cast<float>(size - 1) / 2);
  });
}

TEST_P(SessionBlocks, ReducescatterInRegisteredMemoryAndInPlace) {
  Run([](Session& session) {
    constexpr std::int64_t kRows = kEnoughForPlaces;
    const auto memory = session.Allocate(kRows * sizeof(float));
    ASSERT_TRUE(memory.ok());
    auto* const values = reinterpret_cast<float*>(memory.value().get());
    FillRows(session, values, kRows, 1);
    const Shape block = ReducescatterShape({kRows}, session.rank(), session.size());
    float* const mine = values + FirstRow(session, kRows);
    const TensorView input(values, DataType::kFloat32, {kRows});
    std::vector<float> apart(static_cast<std::size_t>(block[0]));
    const AllreduceOptions sum = {.op = ReduceOp::kSum};
    ASSERT_TRUE(session.ReducescatterAsync("x", input, View(apart, block), sum).Wait().ok());
    ExpectRowsOfTheSum(session, apart.data(), kRows, 1);
    const TensorView in_place(mine, DataType::kFloat32, block);
    ASSERT_TRUE(session.ReducescatterAsync("x", input, in_place, sum).Wait().ok());
    ExpectRowsOfTheSum(session, mine, kRows, 1);
  });
}

TEST_P(SessionBlocks, ReducescatterIntoAWrongOutputIsTheSameErrorOnAllRanks) {
  Run([](Session& session) {
    // On the last rank alone; the others must not wait for it.
    const int last = session.size() - 1;
    std::vector<float> input(static_cast<std::size_t>(2 * session.size()));
    std::vector<float> output(2);
    const Shape shape = session.rank() == last ? Shape{1} : Shape{2};
    const Status status =
        session.ReducescatterAsync("grads", View(input, {2 * session.size()}), View(output, shape))
            .Wait();
    ExpectEverywhere(session, status, StatusCode::kInvalidArgument,
                     "tensor 'grads': on rank " + std::to_string(last) +
                         " its output is float32 [1], but what goes there is float32 [2]");
    const Status null = session
                            .ReducescatterAsync("grads", {nullptr, DataType::kFloat32, {1}},
                                                {nullptr, DataType::kFloat32, {1}})
                            .Wait();
    EXPECT_EQ(null.code(), StatusCode::kInvalidArgument);
  });
}

TEST_P(SessionBlocks, ReducescatterOfDifferentTensorsIsTheSameMismatchOnAllRanks) {
  Run([](Session& session) {
    if (session.size() == 1) return;
    const bool odd = session.rank() == session.size() - 1;
    const std::int64_t rows = session.size();
    std::vector<float> input(static_cast<std::size_t>(2 * rows));
    std::vector<std::int64_t> whole(static_cast<std::size_t>(rows));
    std::vector<float> output(2);
    const auto submit = [&](TensorView in, ReduceOp op) {
      const Shape block = ReducescatterShape(in.shape, session.rank(), session.size());
      const TensorView out(output.data(), in.dtype, block);
      return session.ReducescatterAsync("x", in, out, {.op = op}).Wait();
    };
    const ReduceOp sum = ReduceOp::kSum;
    const StatusCode mismatch = StatusCode::kMismatch;
    const TensorView view = View(input, {rows});
    ExpectEverywhere(session, submit(odd ? View(input, {2 * rows}) : view, sum), mismatch,
                     "shapes must be equal");
    ExpectEverywhere(session, submit(odd ? View(whole, {rows}) : view, sum), mismatch,
                     "data types must be equal");
    ExpectEverywhere(session, submit(view, odd ? ReduceOp::kMax : sum), mismatch,
                     "reduction operators must be equal");
  });
}

// --- Allgather into a given output, and broadcast, where it matters how memory lies.

TEST_P(SessionBlocks, AllgatherFillsTheCallersOutput) {
  Run([](Session& session) {
    constexpr std::int64_t kRows = kEnoughForPlaces / 2;
    const auto size = static_cast<std::size_t>(session.size());
    const Shape gathered = AllgatherShape({kRows, 2}, session.size());
    const auto memory = session.Allocate(2 * kRows * sizeof(float) * size);
    ASSERT_TRUE(memory.ok());
    std::vector<float> ordinary(2 * kRows * size);
    std::vector<float> expected;
    for (int r = 0; r < session.size(); ++r) {
      expected.insert(expected.end(), 2 * kRows, static_cast<float>(r + 1));
    }
    std::vector<float> mine(2 * kRows, static_cast<float>(session.rank() + 1));
    auto* const registered = reinterpret_cast<float*>(memory.value().get());
    for (float* const output : {ordinary.data(), registered}) {
      const TensorView view(output, DataType::kFloat32, gathered);
      const Handle handle = session.AllgatherAsync("x", View(mine, {kRows, 2}), view);
      ASSERT_TRUE(handle.Wait().ok()) << handle.Wait().message();
      EXPECT_EQ(std::vector<float>(output, output + expected.size()), expected);
      EXPECT_TRUE(handle.result().gathered.empty());
      // In place: this rank's block is where it belongs.
      float* const own = output + 2 * kRows * session.rank();
      std::fill_n(own, 2 * kRows, -own[0]);
      ASSERT_TRUE(
          session.AllgatherAsync("x", {own, DataType::kFloat32, {kRows, 2}}, view).Wait().ok());
      for (std::size_t i = 0; i < expected.size(); ++i) ASSERT_EQ(output[i], -expected[i]);
    }
  });
}

TEST_P(SessionBlocks, AllgatherIntoAnOutputNeedsEqualRows) {
  Run([](Session& session) {
    const bool odd = session.rank() == session.size() - 1;
    const std::int64_t rows = odd ? 2 : 1;
    std::vector<float> input(2);
    std::vector<float> output(2 * static_cast<std::size_t>(session.size()));
    if (session.size() > 1) {
      const TensorView view = View(output, {rows * session.size()});
      const Status status = session.AllgatherAsync("x", View(input, {rows}), view).Wait();
      ExpectEverywhere(session, status, StatusCode::kMismatch, "shapes must be equal");
    }
    // An output that does not fit, on the last rank alone.
    const TensorView view = View(output, {session.size() + rows - 1});
    const Status status = session.AllgatherAsync("x", View(input, {1}), view).Wait();
    ExpectEverywhere(session, status, StatusCode::kInvalidArgument, "its output is float32");
  });
}

TEST_P(SessionBlocks, BroadcastsInRegisteredMemoryFromEveryRoot) {
  Run([](Session& session) {
    constexpr std::int64_t kCount = kEnoughForPlaces;
    const auto memory = session.Allocate(kCount * sizeof(float));
    ASSERT_TRUE(memory.ok());
    auto* const values = reinterpret_cast<float*>(memory.value().get());
    for (int root = 0; root < session.size(); ++root) {
      std::fill_n(values, kCount, static_cast<float>(session.rank()));
      ASSERT_TRUE(
          session.BroadcastAsync("x", {values, DataType::kFloat32, {kCount}}, root).Wait().ok());
      ASSERT_EQ(std::vector<float>(values, values + kCount),
                std::vector<float>(kCount, static_cast<float>(root)));
    }
  });
}

// One of each kind, from and to `values`, which holds size x size rows of kColumns.
constexpr std::int64_t kColumns = kEnoughForPlaces / 4;

void RunOneOfEach(Session& session, float* values) {
  const int size = session.size();
  const std::int64_t rows = static_cast<std::int64_t>(size) * size;
  FillRows(session, values, rows, kColumns);
  const TensorView all(values, DataType::kFloat32, {rows, kColumns});
  const Shape block = ReducescatterShape(all.shape, session.rank(), size);
  std::vector<float> mine(static_cast<std::size_t>(ElementCount(block)));
  const TensorView output = View(mine, block);
  ASSERT_TRUE(session.ReducescatterAsync("r", all, output, {.op = ReduceOp::kSum}).Wait().ok());
  ExpectRowsOfTheSum(session, mine.data(), rows, kColumns);

  const std::vector<std::int64_t> splits(static_cast<std::size_t>(size), size);
  const Handle exchange = session.AlltoallAsync("a", all, splits);
  ASSERT_TRUE(exchange.Wait().ok());
  const auto* const got = reinterpret_cast<const float*>(exchange.result().gathered.data());
  for (std::int64_t row = 0; row < rows; ++row) {
    const std::int64_t from = row / size;
    const std::int64_t expected = from + session.rank() * size + row % size;
    ASSERT_EQ(got[row * kColumns], static_cast<float>(expected)) << row;
  }

  FillRows(session, mine.data(), size, kColumns);
  ASSERT_TRUE(session.AllgatherAsync("g", View(mine, {size, kColumns}), all).Wait().ok());
  for (std::int64_t row = 0; row < rows; ++row) {
    ASSERT_EQ(values[row * kColumns], static_cast<float>(row / size + row % size)) << row;
  }
  ASSERT_TRUE(session.BroadcastAsync("b", all, size - 1).Wait().ok());
  ASSERT_TRUE(session.BarrierAsync("all have compared").Wait().ok());
}

TEST_P(SessionBlocks, BuffersAtDifferentPlacesAreOrdinaryMemory) {
  Run([](Session& session) {
    const auto size = static_cast<std::size_t>(session.size());
    const std::size_t count = size * size * kColumns;
    const auto memory = session.Allocate((count + 16 * size) * sizeof(float));
    ASSERT_TRUE(memory.ok());
    auto* const values = reinterpret_cast<float*>(memory.value().get());
    RunOneOfEach(session, values + 16 * session.rank());
    std::vector<float> ordinary(count);
    RunOneOfEach(session, session.rank() == 0 ? values : ordinary.data());
    RunOneOfEach(session, values);
  });
}

TEST(SessionBlocksOnTwoHosts, GiveTheSameResults) {
  const auto body = [](Session& session) {
    const auto size = static_cast<std::size_t>(session.size());
    const std::size_t count = size * size * kColumns;
    const auto memory = session.Allocate(count * sizeof(float));
    ASSERT_TRUE(memory.ok());
    RunOneOfEach(session, reinterpret_cast<float*>(memory.value().get()));
    std::vector<float> ordinary(count);
    RunOneOfEach(session, ordinary.data());
  };
  RunSessions(4, body, Config(), {.host_ids = {"a", "b", "a", "b"}});
  RunSessions(3, body, Config(), {.host_ids = {"a", "a", "b"}});
}

TEST_P(SessionBlocks, CountsWhatItHandsToTheCollectives) {
  Run([](Session& session) {
    const auto size = static_cast<std::size_t>(session.size());
    std::vector<float> input(size);
    std::vector<float> output(size);
    const std::uint64_t before = session.counters().payload_bytes;
    const TensorView view = View(input, {session.size()});
    ASSERT_TRUE(session.ReducescatterAsync("r", view, View(output, {1})).Wait().ok());
    const std::vector<std::int64_t> splits(size, 1);
    ASSERT_TRUE(session.AlltoallAsync("a", view, splits).Wait().ok());
    ASSERT_TRUE(
        session.AllgatherAsync("g", View(input, {1}), View(output, view.shape)).Wait().ok());
    EXPECT_EQ(session.counters().payload_bytes - before, (2 * size + 1) * sizeof(float));
  });
}

}  // namespace
}  // namespace ronde
