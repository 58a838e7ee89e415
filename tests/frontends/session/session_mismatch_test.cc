// Every way in which one rank can ask for something else than the others: all get the same words,
// and the job goes on.
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/frontends/session/run_sessions.h"

namespace ronde {
namespace {

using ::testing::HasSubstr;

constexpr int kRanks = 3;

/// One rank's buffers and what it does with them; `odd` where it is the one that differs.
struct Rank {
  Session& session;
  bool odd;
  std::vector<float>& values;

  [[nodiscard]] TensorView View(Shape shape = {6}, DataType dtype = DataType::kFloat32) const {
    return {values.data(), dtype, std::move(shape)};
  }
};

struct Case {
  const char* name;
  std::function<Handle(const Rank&)> submit;
  StatusCode code;
  const char* words;  // in all ranks' errors
};

Handle Reduce(const Rank& rank, const TensorView& view, AllreduceOptions options = {}) {
  return rank.session.AllreduceAsync("w", view, view, options);
}

AllreduceOptions With(ReduceOp op, double prescale = 1, double postscale = 1) {
  AllreduceOptions options;
  options.op = op;
  options.prescale = prescale;
  options.postscale = postscale;
  return options;
}

const std::vector<Case>& Cases() {
  static const std::vector<Case> cases = {
      {"Kind",
       [](const Rank& r) {
         return r.odd ? r.session.BroadcastAsync("w", r.View(), 0) : Reduce(r, r.View());
       },
       StatusCode::kMismatch, "operations must be equal"},
      {"Type",
       [](const Rank& r) { return Reduce(r, r.odd ? r.View({6}, DataType::kInt32) : r.View()); },
       StatusCode::kMismatch, "data types must be equal"},
      {"Shape",
       [](const Rank& r) {
         return Reduce(r, r.odd ? r.View({2, 3}) : r.View());
       },
       StatusCode::kMismatch, "shapes must be equal"},
      {"Overlap",
       [](const Rank& r) {
         const TensorView behind(r.values.data() + (r.odd ? 1 : 6), DataType::kFloat32, {6});
         return r.session.AllreduceAsync("w", r.View(), behind);
       },
       StatusCode::kInvalidArgument, "its output overlaps its input, 4 bytes behind"},
      {"OverlapInAGroup",
       [](const Rank& r) {
         const TensorView behind(r.values.data() + (r.odd ? 1 : 6), DataType::kFloat32, {6});
         return r.session.GroupedAllreduceAsync("w", {r.View(), r.View()}, {r.View(), behind});
       },
       StatusCode::kInvalidArgument, "member 1: its output overlaps its input"},
      {"OverlapOfWhatIsGathered",
       [](const Rank& r) {
         const int begin = r.odd ? 1 : 2 * r.session.rank();
         const TensorView own(r.values.data() + begin, DataType::kFloat32, {2});
         return r.session.AllgatherAsync("w", own, r.View());
       },
       StatusCode::kInvalidArgument, "its output overlaps its input"},
      {"OverlapOfWhatIsScattered",
       [](const Rank& r) {
         const int begin = r.odd ? 1 : 2 * r.session.rank();
         const TensorView own(r.values.data() + begin, DataType::kFloat32, {2});
         return r.session.ReducescatterAsync("w", r.View(), own);
       },
       StatusCode::kInvalidArgument, "its output overlaps its input"},
      {"TypesInAGroup",
       [](const Rank& r) {
         const DataType second = r.odd ? DataType::kInt32 : DataType::kFloat32;
         const std::vector<TensorView> views = {r.View({3}), {r.values.data() + 6, second, {3}}};
         return r.session.GroupedAllreduceAsync("w", views, views);
       },
       StatusCode::kMismatch, "tensor 'w'"},
      {"Operator",
       [](const Rank& r) {
         return Reduce(r, r.View(), With(r.odd ? ReduceOp::kMax : ReduceOp::kMin));
       },
       StatusCode::kMismatch, "reduction operators must be equal"},
      {"Prescale",
       [](const Rank& r) { return Reduce(r, r.View(), With(ReduceOp::kSum, r.odd ? 2 : 1)); },
       StatusCode::kMismatch, "prescale factors must be equal"},
      {"Postscale",
       [](const Rank& r) { return Reduce(r, r.View(), With(ReduceOp::kSum, 1, r.odd ? 2 : 1)); },
       StatusCode::kMismatch, "postscale factors must be equal"},
      {"ScaleOfIntegers",
       [](const Rank& r) {
         return Reduce(r, r.View({6}, DataType::kInt32), With(ReduceOp::kSum, 2));
       },
       StatusCode::kInvalidArgument, "needs a floating-point type"},
      {"Root", [](const Rank& r) { return r.session.BroadcastAsync("w", r.View(), r.odd ? 1 : 0); },
       StatusCode::kMismatch, "roots must be equal"},
      {"RootThatDoesNotExist",
       [](const Rank& r) { return r.session.BroadcastAsync("w", r.View(), kRanks); },
       StatusCode::kInvalidArgument, "does not exist"},
      {"GatheredColumns",
       [](const Rank& r) {
         return r.session.AllgatherAsync("w", r.odd ? r.View({2, 3}) : r.View({3, 2}));
       },
       StatusCode::kMismatch, "except in the first dimension"},
      {"GatheredDestination",
       [](const Rank& r) {
         const TensorView part(r.values.data() + 6, DataType::kFloat32, {2});
         return r.odd ? r.session.AllgatherAsync("w", part, r.View({6}))
                      : r.session.AllgatherAsync("w", part);
       },
       StatusCode::kMismatch, "destinations must be equal"},
      {"ScatteredShape",
       [](const Rank& r) {
         const TensorView whole = r.odd ? r.View({6, 1}) : r.View({3, 1});
         const TensorView part(r.values.data() + 6, DataType::kFloat32,
                               ReducescatterShape(whole.shape, r.session.rank(), r.session.size()));
         return r.session.ReducescatterAsync("w", whole, part);
       },
       StatusCode::kMismatch, "shapes must be equal"},
      {"Splits",
       [](const Rank& r) {
         return r.session.AlltoallAsync("w", r.View(),
                                        {2, 2, r.odd ? std::int64_t{3} : std::int64_t{2}});
       },
       StatusCode::kInvalidArgument, "splits"},
      {"NumberOfSplits",
       [](const Rank& r) {
         return r.session.AlltoallAsync(
             "w", r.View(),
             r.odd ? std::vector<std::int64_t>{3, 3} : std::vector<std::int64_t>{2, 2, 2});
       },
       StatusCode::kInvalidArgument, "splits"},
      {"Window",
       [](const Rank& r) {
         return r.session.AverageModelAsync("w", r.View(), {.period = 2}, r.odd ? 4 : 2);
       },
       StatusCode::kMismatch, "average windows must be equal"},
      {"AverageOfIntegers",
       [](const Rank& r) {
         return r.session.AverageModelAsync("w", r.View({6}, DataType::kInt32), {.period = 1}, 1);
       },
       StatusCode::kInvalidArgument, "floating-point"},
      {"MembersOfAGroup",
       [](const Rank& r) {
         const TensorView a(r.values.data(), DataType::kFloat32, {r.odd ? 1 : 2});
         const TensorView b(r.values.data() + 2, DataType::kFloat32, {r.odd ? 3 : 2});
         return r.session.GroupedAllreduceAsync("w", {a, b}, {a, b});
       },
       StatusCode::kMismatch, "shapes must be equal"},
      {"GroupAndSingle",
       [](const Rank& r) {
         return r.odd ? Reduce(r, r.View())
                      : r.session.GroupedAllreduceAsync("w", {r.View()}, {r.View()});
       },
       StatusCode::kMismatch, "'w'"},
  };
  return cases;
}

class SessionMismatch : public ::testing::TestWithParam<std::size_t> {};

TEST_P(SessionMismatch, IsTheSameOnAllRanksAndTheJobGoesOn) {
  const Case& tried = Cases()[GetParam()];
  for (int odd = 0; odd < kRanks; ++odd) {
    std::vector<Status> statuses(kRanks);
    RunSessions(kRanks, [&](Session& session) {
      std::vector<float> values(16, 1);
      // Twice: what is remembered of the first must not change the second.
      for (int round = 0; round < 2; ++round) {
        const Rank rank{session, session.rank() == odd, values};
        statuses[static_cast<std::size_t>(session.rank())] = tried.submit(rank).Wait();
        std::vector<float> ones(6, 1);
        const TensorView view(ones.data(), DataType::kFloat32, {6});
        const Status later = session.AllreduceAsync("w", view, view, {.op = ReduceOp::kSum}).Wait();
        EXPECT_TRUE(later.ok()) << later.ToString();
        EXPECT_EQ(ones, std::vector<float>(6, kRanks));
      }
      EXPECT_TRUE(session.status().ok());
    });
    for (const Status& status : statuses) {
      EXPECT_EQ(status, statuses.front());
      EXPECT_EQ(status.code(), tried.code) << status.ToString();
      EXPECT_THAT(status.message(), HasSubstr(tried.words));
      EXPECT_THAT(status.message(), HasSubstr("'w"));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, SessionMismatch, ::testing::Range<std::size_t>(0, Cases().size()),
                         [](const auto& tried) { return std::string(Cases()[tried.param].name); });

// What only some ranks have in their group, nobody else will ever ask for: it waits for the end.
TEST(SessionGroupMismatch, GroupsOfDifferentSizesFailAlikeAndTheSurplusEndsWithTheSession) {
  std::vector<Status> statuses(kRanks);
  RunSessions(kRanks, [&](Session& session) {
    float value = 1;
    const TensorView view(&value, DataType::kFloat32, {1});
    const std::vector<TensorView> inputs(session.rank() == 1 ? 1 : 2, view);
    const std::vector<Handle> handles = session.GroupedAllgatherAsync("g", inputs);
    statuses[static_cast<std::size_t>(session.rank())] = handles.front().Wait();
    EXPECT_TRUE(session.BarrierAsync().Wait().ok());
    EXPECT_TRUE(session.Shutdown().ok());
    EXPECT_FALSE(handles.back().Wait().ok());
  });
  for (const Status& status : statuses) {
    EXPECT_EQ(status, statuses.front());
    EXPECT_EQ(status.code(), StatusCode::kMismatch) << status.ToString();
    EXPECT_THAT(status.message(), HasSubstr("groups must be equal"));
  }
}

// --- Process sets.

TEST(SessionSetMismatch, MembersThatDifferAreTheSameErrorOnAllRanks) {
  for (int odd = 0; odd < kRanks; ++odd) {
    std::vector<Status> statuses(kRanks);
    RunSessions(kRanks, [&](Session& session) {
      const std::vector<int> members =
          session.rank() == odd ? std::vector<int>{0, 1} : std::vector<int>{0, 2};
      statuses[static_cast<std::size_t>(session.rank())] = session.AddProcessSet(members).status();
      const auto set = session.AddProcessSet({0, 2});
      EXPECT_TRUE(set.ok()) << set.status().ToString();
    });
    for (const Status& status : statuses) {
      EXPECT_EQ(status, statuses.front());
      EXPECT_EQ(status.code(), StatusCode::kMismatch) << status.ToString();
    }
  }
}

TEST(SessionSetMismatch, ConcernsTheMembersOnlyAndCountsWorldRanks) {
  std::vector<Status> statuses(kRanks);
  RunSessions(kRanks, [&](Session& session) {
    const auto set = session.AddProcessSet({0, 2});
    ASSERT_TRUE(set.ok()) << set.status().ToString();
    std::vector<float> values(4, 1);
    const bool odd = session.rank() == 2;
    const TensorView view(values.data(), DataType::kFloat32, odd ? Shape{4} : Shape{2, 2});
    AllreduceOptions options;
    options.process_set = set.value();
    if (session.rank() != 1) {
      statuses[static_cast<std::size_t>(session.rank())] =
          session.AllreduceAsync("w", view, view, options).Wait();
    }
    EXPECT_TRUE(session.BarrierAsync().Wait().ok());
  });
  EXPECT_EQ(statuses[0], statuses[2]);
  EXPECT_EQ(statuses[0].code(), StatusCode::kMismatch);
  EXPECT_THAT(statuses[0].message(), HasSubstr("rank 2 submitted"));
}

TEST(SessionSetMismatch, ASetThatDoesNotExistIsTheSameErrorOnAllThatAskForIt) {
  std::vector<Status> statuses(kRanks);
  RunSessions(kRanks, [&](Session& session) {
    statuses[static_cast<std::size_t>(session.rank())] = session.BarrierAsync("b", 7).Wait();
    EXPECT_TRUE(session.BarrierAsync().Wait().ok());
  });
  for (const Status& status : statuses) {
    EXPECT_EQ(status, statuses.front());
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace ronde
