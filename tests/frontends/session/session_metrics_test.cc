#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/strcat.h"
#include "core/base/text_file.h"
#include "core/observation/metrics_server.h"
#include "tests/core/observation/http_client.h"
#include "tests/core/observation/prometheus_text.h"
#include "tests/frontends/session/run_sessions.h"
#include "tests/support/temporary_folder.h"

namespace ronde {
namespace {

using ::testing::HasSubstr;

Config With(std::vector<std::pair<Setting, std::string>> settings) {
  Config config;
  for (const auto& [setting, value] : settings) {
    EXPECT_TRUE(config.Set(setting, value, SettingOrigin::kFlag).ok()) << value;
  }
  return config;
}

void Allreduce(Session& session, int times) {
  std::vector<float> values(1024, 1);
  const TensorView tensor(values.data(), DataType::kFloat32, {1024});
  for (int i = 0; i < times; ++i) {
    ASSERT_TRUE(session.AllreduceAsync("x", tensor, tensor).Wait().ok());
  }
}

// Every rank's outcome of Session::CreateOn.
std::vector<Status> Create(int size, const Config& config) {
  std::vector<Status> outcomes(static_cast<std::size_t>(size));
  RunRanksOwning(size, [&](std::unique_ptr<Transport> transport) {
    const auto rank = static_cast<std::size_t>(transport->rank());
    outcomes[rank] = Session::CreateOn(std::move(transport), config).status();
  });
  return outcomes;
}

// The first of two ports in a row that nobody uses.
int TwoFreePorts() {
  for (int i = 0; i < 100; ++i) {
    const auto first = MetricsServer::Start(0, [] { return ""; });
    if (MetricsServer::Start(first.value()->port() + 1, [] { return ""; }).ok()) {
      return first.value()->port();
    }
  }
  ADD_FAILURE() << "no two free ports in a row";
  return 0;
}

class SessionMetrics : public ::testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Ranks, SessionMetrics, ::testing::Values(1, 2, 3));

TEST_P(SessionMetrics, TellWhatTheSessionHasDone) {
  RunSessions(GetParam(), [](Session& session) {
    Allreduce(session, 20);
    const MetricsSnapshot metrics = session.metrics();
    EXPECT_EQ(metrics.rank, session.rank());
    EXPECT_EQ(metrics.size, session.size());
    ASSERT_EQ(metrics.operations.size(), 1U);
    const OperationMetrics& allreduce = metrics.operations[0];
    EXPECT_EQ(allreduce.kind, OperationKind::kAllreduce);
    EXPECT_EQ(allreduce.calls, 20U);
    EXPECT_EQ(allreduce.payload_bytes, 20U * 4096);
    EXPECT_EQ(allreduce.negotiation_s.count, 20U);
    EXPECT_EQ(allreduce.queue_s.count, 20U);
    EXPECT_EQ(allreduce.completion_s.count, 20U);
    EXPECT_GT(allreduce.completion_s.Quantile(0.5), 0);
    // Whatever a batch takes is part of what its only operation takes.
    EXPECT_LE(allreduce.execution_s.sum, allreduce.completion_s.sum);
    EXPECT_EQ(metrics.in_flight, 0U);
    EXPECT_EQ(metrics.cache_hits + metrics.cache_misses, 20U);
    EXPECT_EQ(metrics.bytes_on_wire, session.counters().bytes_on_wire);
  });
}

TEST_P(SessionMetrics, CountFailuresByCode) {
  if (GetParam() == 1) return;  // nobody to disagree with
  RunSessions(GetParam(), [](Session& session) {
    std::vector<float> values(8);
    const TensorView tensor(values.data(), DataType::kFloat32, {session.rank() == 0 ? 8 : 4});
    EXPECT_EQ(session.AllreduceAsync("x", tensor, tensor).Wait().code(), StatusCode::kMismatch);
    std::uint64_t failures = 0;
    for (const FailureMetrics& failure : session.metrics().failures) {
      failures += failure.operations;
      EXPECT_EQ(failure.operations, failure.code == StatusCode::kMismatch ? 1U : 0U);
    }
    EXPECT_EQ(failures, 1U);
    EXPECT_EQ(session.metrics().in_flight, 0U);
  });
}

TEST_P(SessionMetrics, AreGivenAsText) {
  RunSessions(GetParam(), [](Session& session) {
    Allreduce(session, 3);
    const PrometheusFamilies families(session.MetricsText());
    const PrometheusFamilies::Labels labels = {{"rank", StrCat(session.rank())},
                                               {"kind", "allreduce"}};
    EXPECT_EQ(families.Value("ronde_operations_total", labels), 3);
    EXPECT_EQ(families.Value("ronde_info", {{"size", StrCat(session.size())}}), 1);
  });
}

TEST_P(SessionMetrics, AreInAFileForEachRankAtTheEnd) {
  const TemporaryFolder folder;
  RunSessions(
      GetParam(), [](Session& session) { Allreduce(session, 5); },
      With({{Setting::kMetricsFile, folder.File("m.prom")}, {Setting::kMetricsIntervalS, "3600"}}));
  for (int rank = 0; rank < GetParam(); ++rank) {
    const std::string name = rank == 0 ? "m.prom" : StrCat("m.rank", rank, ".prom");
    const PrometheusFamilies families(ReadTextFile(folder.File(name)).value());
    EXPECT_EQ(
        families.Value("ronde_operations_total", {{"kind", "allreduce"}, {"rank", StrCat(rank)}}),
        5);
  }
}

TEST(SessionMetricsFile, ThatCannotBeWrittenEndsTheStartOnAllRanksAlike) {
  const TemporaryFolder folder;
  const std::vector<Status> outcomes =
      Create(3, With({{Setting::kMetricsFile, folder.File("none/m.prom")}}));
  EXPECT_EQ(outcomes[0].code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(outcomes[0].message(), HasSubstr("none/m.prom"));
  EXPECT_EQ(outcomes[1], outcomes[0]);
  EXPECT_EQ(outcomes[2], outcomes[0]);
}

TEST(SessionMetricsPort, ServesEachRankAtItsOwn) {
  const int port = TwoFreePorts();
  RunSessions(
      2,
      [port](Session& session) {
        Allreduce(session, 7);
        const std::string answer = HttpGet(port + session.local_rank());
        const PrometheusFamilies families(answer.substr(answer.find("\r\n\r\n") + 4));
        EXPECT_EQ(families.Value("ronde_operations_total",
                                 {{"kind", "allreduce"}, {"rank", StrCat(session.rank())}}),
                  7);
      },
      With({{Setting::kMetricsPort, StrCat(port)}}));
}

TEST(SessionMetricsPort, ThatIsTakenOnOneRankEndsTheStartOnAllRanksAlike) {
  const int port = TwoFreePorts();
  const auto other = MetricsServer::Start(port + 1, [] { return ""; });
  ASSERT_TRUE(other.ok());
  const std::vector<Status> outcomes = Create(2, With({{Setting::kMetricsPort, StrCat(port)}}));
  EXPECT_EQ(outcomes[0].code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(outcomes[0].message(), HasSubstr(StrCat("127.0.0.1:", port + 1)));
  EXPECT_THAT(outcomes[0].message(), HasSubstr("--metrics-port"));
  EXPECT_EQ(outcomes[1], outcomes[0]);
}

TEST(SessionMetricsPort, IsFreeAgainAfterTheSession) {
  const int port = TwoFreePorts();
  for (int i = 0; i < 3; ++i) {
    RunSessions(
        1, [port](Session&) { EXPECT_THAT(HttpGet(port), HasSubstr("200 OK")); },
        With({{Setting::kMetricsPort, StrCat(port)}}));
  }
}

}  // namespace
}  // namespace ronde
